import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { asPlatformError } from "../../model/error.ts";
import { frameType, textFrame } from "../../wire/frames.ts";
import { connectionOf, type Connection } from "../connection.ts";
import type { ConnectionReader } from "../front.ts";
import type { FastRoute, Handler } from "../http.ts";
import { Listener } from "../listener.ts";
import { FrontCall } from "./front-call.ts";
import { documentIn, type FrontFigures, type FrontHello, type FrontInit, type FrontNotice, Link, tellError } from "./link.ts";
import { ResultHeads } from "./result-heads.ts";
import { Tunnel } from "./tunnel.ts";

export interface FrontParts {
  readonly world: World;
  readonly version: string;
  /** Which requests the core takes as streams; connections with others are passed on. */
  readonly paths: readonly Omit<FastRoute, "handler">[];
  /** Processor time and memory of this process. */
  readonly usage: () => Pick<FrontFigures, "cpuS" | "residentBytes">;
}

/** A front: the listener of its connections, and its end of the link. */
export class Front implements ConnectionReader {
  /** Resolves, with nothing left open, when the core wants no more of it or is gone. */
  readonly over: Promise<void>;
  readonly #parts: FrontParts;
  readonly #link: Link;
  readonly #ended = Promise.withResolvers<void>();
  #listener: Listener | null = null;
  #stopTelling: () => void = nothing;

  constructor(connection: Duplex, parts: FrontParts) {
    this.#parts = parts;
    this.over = this.#ended.promise;
    this.#link = new Link(connection, {
      frame: (type, _id, _flags, payload) => this.#hear(type, payload),
      closed: () => void this.#leave(0),
    });
    const hello: FrontHello = { version: parts.version };
    this.#link.tell(frameType.hello, 0, hello);
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#listener?.connections ?? 0;
  }

  /** Connections that came since the start. */
  get accepted(): number {
    return this.#listener?.accepted ?? 0;
  }

  // Connections whose requests are for no fast route. What goes on on them is known to the core alone.

  accept(socket: Socket): void {
    new Tunnel(this.#link, socket).open(connectionOf(socket) as Connection);
  }

  drain(): void {}

  closeIdle(): void {}

  sweep(): void {}

  close(): void {}

  #hear(type: number, payload: Buffer): void {
    if (type === frameType.init) void this.#listen(documentIn<FrontInit>(payload));
    else if (type === frameType.drain) void this.#leave(documentIn<{ graceMs: number }>(payload).graceMs);
  }

  async #listen({ listen, http }: FrontInit): Promise<void> {
    const heads = new ResultHeads();
    const handler: Handler = (request, response) => new FrontCall(this.#link, heads, request, response).start();
    const { world, paths } = this.#parts;
    const routes = paths.map((path) => Object.assign({ handler }, path));
    const bug = (error: unknown) => this.#tellBug(error);
    const listener = new Listener({ world, routes, elsewhere: this, config: { ...http, front: "own" }, bug });
    try {
      await listener.listen({ ...listen, shared: true });
    } catch (error) {
      tellError(this.#link, 0, asPlatformError(error), frameType.failed);
      return;
    }
    this.#listener = listener;
    if (this.#link.closed) return void this.#leave(0);
    this.#link.writer.write(textFrame(frameType.ready, 0, "{}"));
    this.#tellFigures(http.checkIntervalMs);
  }

  #tellFigures(intervalMs: number): void {
    if (this.#link.closed) return;
    const figures: FrontFigures = { connections: this.connections, accepted: this.accepted, ...this.#parts.usage() };
    this.#link.tell(frameType.figures, 0, figures);
    this.#stopTelling = this.#parts.world.after(intervalMs, () => this.#tellFigures(intervalMs));
  }

  #tellBug(error: unknown): void {
    const notice: FrontNotice = { bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    this.#link.tell(frameType.notice, 0, notice);
  }

  async #leave(graceMs: number): Promise<void> {
    this.#stopTelling();
    await this.#listener?.close(graceMs);
    this.#link.writer.flush();
    this.#link.close();
    this.#ended.resolve();
  }
}

function nothing(): void {}
