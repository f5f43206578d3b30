import type { World } from "../../lib/world.ts";
import { platformMessage } from "./format.ts";
import type { SyslogWire } from "./wire.ts";

export interface SenderParts {
  readonly world: World;
  readonly hostname: string;
  readonly connect: () => Promise<SyslogWire>;
  /** Memory of all senders together. */
  readonly room: SyslogRoom;
  /** The receiver takes nothing any more; it is tried again. */
  readonly failed: (error: unknown) => void;
  /** The receiver takes lines again, after so many were dropped. */
  readonly recovered: (dropped: number) => void;
}

/** What waits, of all senders and of one, in bytes. */
export interface SyslogRoom {
  bytes: number;
  readonly bytesMax: number;
  readonly senderBytesMax: number;
}

const batchMax = 256;
const batchBytesMax = 256 * 1024;
const backoffMs = { first: 250, max: 10_000 } as const;
/** What a message costs beside its bytes, about. */
const overheadBytes = 100;

/**
 * Sends to one receiver, in the order of adding. It is *quiet* (nothing waits), *sends* (batch after batch), or *waits* (the receiver is
 * away: it tries again, less and less often). A batch that broke off is sent again, so a line may come twice, but none is lost by that;
 * what does not fit into memory meanwhile is dropped, the newest first, and counted.
 */
export class SyslogSender {
  readonly #parts: SenderParts;
  #queue: Buffer[] = [];
  #bytes = 0;
  #wire: SyslogWire | null = null;
  #running: Promise<void> | null = null;
  #closing = false;
  #stopWaiting: () => void = () => {};
  #nextBackoffMs: number = backoffMs.first;
  #untold = 0;
  sent = 0;
  dropped = 0;
  /** When something was added last, in monotonic ms. */
  usedAt: number;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.usedAt = parts.world.monotonic();
  }

  add(message: Buffer): void {
    const { room, world } = this.#parts;
    const bytes = message.length + overheadBytes;
    this.usedAt = world.monotonic();
    if (this.#closing || this.#bytes + bytes > room.senderBytesMax || room.bytes + bytes > room.bytesMax) {
      this.dropped++;
      this.#untold++;
      return;
    }
    this.#queue.push(message);
    this.#bytes += bytes;
    room.bytes += bytes;
    this.#running ??= this.#run();
  }

  get quiet(): boolean {
    return this.#running === null;
  }

  /** Lines that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** What waits gets `graceMs` to be sent. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#stopWaiting();
    if (this.#running !== null) {
      const late = Promise.withResolvers<void>();
      const stopClock = this.#parts.world.after(graceMs, late.resolve);
      await Promise.race([this.#running, late.promise]);
      stopClock();
    }
    this.#taken(this.#queue.splice(0), "dropped");
    this.#wire?.close();
    this.#wire = null;
  }

  async #run(): Promise<void> {
    // What is added in the same turn goes together.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      try {
        this.#wire ??= await this.#parts.connect();
        await this.#sendBatch(this.#wire);
        await this.#recover(this.#wire);
      } catch (error) {
        this.#wire?.close();
        this.#wire = null;
        if (this.#closing) break;
        if (this.#nextBackoffMs === backoffMs.first) this.#parts.failed(error);
        await this.#backOff();
      }
    }
    // Right here: what is added from now on begins another run.
    this.#running = null;
  }

  async #sendBatch(wire: SyslogWire): Promise<void> {
    let count = 0;
    let bytes = 0;
    while (count < batchMax && count < this.#queue.length && (count === 0 || bytes < batchBytesMax))
      bytes += (this.#queue[count++] as Buffer).length;
    await wire.write(this.#queue.slice(0, count));
    this.#taken(this.#queue.splice(0, count), "sent");
  }

  /** The receiver takes lines: it and the log are told what was dropped meanwhile. */
  async #recover(wire: SyslogWire): Promise<void> {
    const { world, hostname, recovered } = this.#parts;
    const count = this.#untold;
    const text = `${count} lines were lost: they came faster than they were taken`;
    if (count > 0) await wire.write([platformMessage(world.now(), hostname, text)]);
    if (count > 0 || this.#nextBackoffMs !== backoffMs.first) recovered(count);
    this.#untold -= count;
    this.#nextBackoffMs = backoffMs.first;
  }

  #taken(messages: readonly Buffer[], outcome: "sent" | "dropped"): void {
    this[outcome] += messages.length;
    const bytes = messages.reduce((sum, message) => sum + message.length + overheadBytes, 0);
    this.#bytes -= bytes;
    this.#parts.room.bytes -= bytes;
  }

  async #backOff(): Promise<void> {
    const waitMs = this.#nextBackoffMs;
    this.#nextBackoffMs = Math.min(2 * waitMs, backoffMs.max);
    const { promise, resolve } = Promise.withResolvers<void>();
    const callOff = this.#parts.world.after(waitMs, resolve);
    this.#stopWaiting = () => {
      callOff();
      resolve();
    };
    await promise;
  }
}
