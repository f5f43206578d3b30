/**
 * The link between a front process and the core (docs/frames.md): requests of invoke paths as streams, other connections as streams of
 * bytes, many of both on one connection. Promises: what a handler in the core sees and does is what it would without a front between.
 * Deliberately absent: processes (roles/), and who may open a link: whoever has its other end is believed.
 */
import type { Duplex } from "node:stream";
import { type ErrorCode, PlatformError } from "../../model/error.ts";
import { FrameReader, frameType, textFrame } from "../../wire/frames.ts";
import { FrameWriter } from "../../wire/frame-writer.ts";
import type { HttpConfig } from "../config.ts";

/** Of each body and each direction of a connection, how much may be sent before there is credit. */
export const linkWindowBytes = 64 * 1024;

/** What a front says first. */
export interface FrontHello {
  /** Of the program: a front of another version is not taken. */
  readonly version: string;
}

/** What a front is told then. */
export interface FrontInit {
  readonly listen: { readonly host: string; readonly port: number };
  readonly http: HttpConfig;
}

/** What a front tells when something is wrong with it. */
export interface FrontNotice {
  readonly bug: string;
}

/** What a front tells of itself every now and then. */
export interface FrontFigures {
  /** Connections that are open. */
  readonly connections: number;
  /** Connections that came since its start. */
  readonly accepted: number;
  /** Processor time since its start, in seconds. */
  readonly cpuS: number;
  readonly residentBytes: number;
}

/** One stream, as its end of the link sees it. A throw breaks the link. */
export interface LinkStream {
  frame(type: number, flags: number, payload: Buffer): void;
  /** The link is gone. */
  lost(): void;
}

/** Whom an end of a link tells. */
export interface LinkHooks {
  /** A frame of the link itself, or of a stream that is not open. */
  frame(type: number, id: number, flags: number, payload: Buffer): void;
  /** The link has ended; its streams know already. */
  closed(): void;
}

/** One end of a link: its streams by their ids. */
export class Link {
  readonly writer: FrameWriter;
  readonly #connection: Duplex;
  readonly #hooks: LinkHooks;
  readonly #streams = new Map<number, LinkStream>();
  #closed = false;
  #nextId = 1;

  constructor(connection: Duplex, hooks: LinkHooks) {
    this.#connection = connection;
    this.#hooks = hooks;
    this.writer = new FrameWriter(connection);
    const reader = new FrameReader((type, id, flags, payload) => this.#hear(type, id, flags, payload));
    connection.on("data", (data: Buffer) => this.#read(reader, data));
    connection.on("error", ignore);
    connection.once("end", () => this.close());
    connection.once("close", () => this.close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** An id for a new stream; for the end that opens them. */
  newId(): number {
    do {
      this.#nextId = this.#nextId === 0xffff_ffff ? 1 : this.#nextId + 1;
    } while (this.#streams.has(this.#nextId));
    return this.#nextId;
  }

  open(id: number, stream: LinkStream): void {
    this.#streams.set(id, stream);
  }

  over(id: number): void {
    this.#streams.delete(id);
  }

  /** A frame with a JSON document. */
  tell(type: number, id: number, document: unknown): void {
    this.writer.write(textFrame(type, id, JSON.stringify(document)));
  }

  /** Ends the link, and with it all streams. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.destroy();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.lost();
    this.#hooks.closed();
  }

  /** The other end breaks the rules, or is at its end: nothing it says is to be believed any more. */
  #read(reader: FrameReader, data: Buffer): void {
    if (this.#closed) return;
    try {
      reader.push(data);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      this.close();
    }
  }

  #hear(type: number, id: number, flags: number, payload: Buffer): void {
    if (this.#closed) return;
    const stream = id === 0 ? undefined : this.#streams.get(id);
    if (stream === undefined) this.#hooks.frame(type, id, flags, payload);
    else stream.frame(type, flags, payload);
  }
}

/** A JSON document of the other end. Throws `RangeError` or `SyntaxError` when it is none. */
export function documentIn<T extends object>(payload: Buffer): T {
  const document: unknown = JSON.parse(payload.toString());
  if (typeof document !== "object" || document === null) throw new RangeError("A document that is no object");
  return document as T;
}

/** The document of an `error` frame. */
interface ErrorWords {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** An `error` frame, or another with the same document. The cause stays where it is. */
export function tellError(link: Link, id: number, error: PlatformError, type: number = frameType.error): void {
  const { code, message, details } = error;
  const words: ErrorWords = { code, message, details };
  link.tell(type, id, words);
}

export function errorIn(payload: Buffer): PlatformError {
  const { code, message, details } = documentIn<ErrorWords>(payload);
  return new PlatformError(code, message, { details });
}

function ignore(): void {}
