import type { World } from "../../../lib/world.ts";
import { sandboxNames, type Subscription } from "./subscription.ts";

/** What leads into the sandbox. */
export interface DeliveryLine {
  readonly unsentBytes: number;
  pass(kind: "http" | "tcp", port: number, bytes: Buffer): void;
}

/** An extension that does not take what it asked for loses what is beyond. */
const unsentBytesMax = 8 * 1024 * 1024;

/** Records on their way to one subscriber, as JSON, in the portions that it wants. */
export class Delivery {
  readonly subscription: Subscription;
  readonly #world: World;
  readonly #line: DeliveryLine;
  #records: string[] = [];
  #bytes = 0;
  #stopClock: (() => void) | null = null;
  #dropped = { records: 0, bytes: 0 };

  constructor(subscription: Subscription, world: World, line: DeliveryLine) {
    this.subscription = subscription;
    this.#world = world;
    this.#line = line;
  }

  add(record: string): void {
    const { itemsMax, bytesMax, timeoutMs } = this.subscription;
    const bytes = Buffer.byteLength(record);
    if (this.#bytes + bytes > bytesMax) this.flush();
    this.#records.push(record);
    this.#bytes += bytes;
    if (this.#records.length >= itemsMax) this.flush();
    else this.#stopClock ??= this.#world.after(timeoutMs, () => this.flush());
  }

  /** Sends what there is. */
  flush(): void {
    this.#stopClock?.();
    this.#stopClock = null;
    const records = this.#records;
    const bytes = this.#bytes;
    this.#records = [];
    this.#bytes = 0;
    if (records.length === 0) return;
    if (this.#line.unsentBytes > unsentBytesMax) {
      this.#dropped = { records: this.#dropped.records + records.length, bytes: this.#dropped.bytes + bytes };
      return;
    }
    const { protocol, port } = this.subscription;
    this.#line.pass(protocol, port, this.#portion([...this.#told(), ...records]));
  }

  close(): void {
    this.#stopClock?.();
    this.#stopClock = null;
  }

  /** That some are missing. */
  #told(): readonly string[] {
    const { records, bytes } = this.#dropped;
    if (records === 0) return [];
    this.#dropped = { records: 0, bytes: 0 };
    const reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";
    const record = { reason, droppedRecords: records, droppedBytes: bytes };
    return [JSON.stringify({ time: new Date(this.#world.now()).toISOString(), type: "platform.logsDropped", record })];
  }

  #portion(records: readonly string[]): Buffer {
    const { protocol, port, path, method } = this.subscription;
    if (protocol === "tcp") return Buffer.from(records.map((record) => `${record}\n`).join(""));
    const body = Buffer.from(`[${records.join(",")}]`);
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${sandboxNames[0]}:${port}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      "Connection: close",
    ];
    return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
  }
}
