import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { World } from "../lib/world.ts";

/** Connections that wait for the sandbox to need one, and all there may be at a time. */
const waitingCount = 4;
const linesMax = 64;
const addressBytesMax = 300;
const dialMsMax = 20_000;

export interface LinesParts {
  readonly world: World;
  /** To the sandbox, which listens. */
  readonly connect: (signal: AbortSignal) => Promise<Duplex>;
  readonly dial: (host: string, port: number, signal: AbortSignal) => Promise<Socket>;
  /** `HOST:PORT` of all that may be reached. */
  readonly allowed: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * The way of a sandbox without a network to the registries: connections that we make to it, on each of which it may name one `HOST:PORT`.
 * If that is allowed we connect there and pass bytes on, both ways; names are resolved here.
 */
export class RegistryLines {
  readonly #parts: LinesParts;
  readonly #allowed: ReadonlySet<string>;
  readonly #open = new Set<Duplex>();
  #waiting = 0;
  /** Places that were asked for and are no registry, and those that could not be reached, with why. */
  readonly refused = new Set<string>();
  readonly failed = new Map<string, string>();

  constructor(parts: LinesParts) {
    this.#parts = parts;
    this.#allowed = new Set(parts.allowed.map((each) => each.toLowerCase()));
    parts.signal.addEventListener("abort", () => this.close());
    this.#refill();
  }

  close(): void {
    for (const stream of this.#open) stream.destroy();
  }

  #refill(): void {
    while (this.#waiting < waitingCount && this.#open.size + this.#waiting < linesMax && !this.#parts.signal.aborted) {
      this.#waiting++;
      // The sandbox may be gone; whoever made it hears of that.
      void this.#line().catch(() => {});
    }
  }

  async #line(): Promise<void> {
    let line: Duplex;
    let address: string;
    try {
      line = await this.#parts.connect(this.#parts.signal);
      this.#keep(line);
      line.write("line\n");
      address = await firstLine(line);
    } finally {
      this.#waiting--;
      // Those that fail at once must not do so without an end.
      this.#parts.world.after(this.#parts.signal.aborted ? 1000 : 1, () => this.#refill());
    }
    const upstream = await this.#reach(address, line);
    if (upstream === null) return;
    this.#keep(upstream);
    line.write("ok\n");
    line.pipe(upstream);
    upstream.pipe(line);
    line.once("close", () => upstream.destroy());
    upstream.once("close", () => line.destroy());
  }

  async #reach(address: string, line: Duplex): Promise<Socket | null> {
    const { host, port, name } = parsed(address);
    if (!this.#allowed.has(name)) {
      this.refused.add(name.slice(0, addressBytesMax));
      line.end("403 this is no registry of the server\n");
      return null;
    }
    const { world, dial, signal } = this.#parts;
    const limit = new AbortController();
    const stopClock = world.after(dialMsMax, () => limit.abort(new Error(`no answer within ${dialMsMax} ms`)));
    try {
      return await dial(host, port, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      this.failed.set(name, reasonOf(error));
      line.end("502 the registry cannot be reached\n");
      return null;
    } finally {
      stopClock();
    }
  }

  #keep(stream: Duplex): void {
    this.#open.add(stream);
    stream.on("error", () => stream.destroy());
    stream.once("close", () => {
      this.#open.delete(stream);
      this.#refill();
    });
    if (this.#parts.signal.aborted) stream.destroy();
  }
}

function parsed(address: string): { host: string; port: number; name: string } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)), name: address.toLowerCase() };
}

/** Also rejects when nothing else comes any more. */
function firstLine(stream: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = Buffer.alloc(0);
    const take = () => {
      const piece = stream.read() as Buffer | null;
      if (piece === null) return;
      text = Buffer.concat([text, piece]);
      const feed = text.indexOf(10);
      if (feed < 0 && text.length <= addressBytesMax) return;
      stream.off("readable", take);
      if (feed < 0) {
        stream.destroy();
        return reject(new Error("The sandbox named no address"));
      }
      if (feed + 1 < text.length) stream.unshift(text.subarray(feed + 1));
      resolve(text.toString("latin1", 0, feed));
    };
    stream.on("readable", take);
    stream.once("close", () => reject(new Error("The sandbox closed the connection")));
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
