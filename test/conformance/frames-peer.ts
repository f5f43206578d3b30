/**
 * Plays the platform for a runtime, from nothing but docs/frames.md: it listens, starts the runtime, and says and hears frames. It shares
 * no code with the platform on purpose.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const type = {
  hello: 1,
  init: 2,
  ready: 3,
  failed: 4,
  call: 16,
  body: 17,
  result: 18,
  error: 19,
  cancel: 20,
  credit: 21,
  log: 22,
} as const;

export const end = 1;

export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** A frame as bytes. */
export function frame(kind: number, id: number, flags: number, payload: Buffer | string = ""): Buffer {
  const body = Buffer.from(payload as string);
  const head = Buffer.alloc(10);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt32BE(id, 4);
  head.writeUInt8(kind, 8);
  head.writeUInt8(flags, 9);
  return Buffer.concat([head, body]);
}

/** A `call` frame. */
export function callFrame(
  id: number,
  body: Buffer | string,
  flags: number,
  fields: Readonly<Record<string, string>> = {},
): Buffer {
  const all = { ":call": `activation-${id}`, ":deadline": String(Date.now() + 60_000), ...fields };
  return headed(type.call, id, flags, linesOf(all), body);
}

/** A `call` frame whose fields may repeat. */
export function rawCallFrame(id: number, lines: string): Buffer {
  return headed(type.call, id, end, lines, "");
}

const linesOf = (fields: Readonly<Record<string, string>>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\n`)
    .join("");

function headed(kind: number, id: number, flags: number, head: string, body: Buffer | string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(head));
  return frame(kind, id, flags, Buffer.concat([length, Buffer.from(head), Buffer.from(body as string)]));
}

export function creditOf(id: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(type.credit, id, 0, payload);
}

/** What has come of one call. */
export interface Call {
  head: string | null;
  body: string;
  /** `open`, `end`, or the error's JSON. */
  outcome: string;
  /** Of the request, so far. */
  credit: number;
  /** The runtime wants no more of the request. */
  enough: boolean;
  log: string;
  frames: number;
}

const nothing: Call = { head: null, body: "", outcome: "open", credit: 0, enough: false, log: "", frames: 0 };

export interface PeerOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One runtime on the other side. */
export class Peer {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly #calls = new Map<number, Call>();
  readonly #opening: Frame[] = [];
  #socket: Socket | null = null;
  #rest: Buffer = Buffer.alloc(0);
  readonly #folder = mkdtempSync(join(tmpdir(), "frames-"));
  readonly #server = createServer();

  constructor({ command, env }: PeerOptions) {
    const path = join(this.#folder, "socket");
    this.#server.on("connection", (socket) => this.#connected(socket));
    this.#server.listen(path);
    const [program = "", ...args] = command;
    const environment = { PATH: "/usr/bin:/bin", PYTHONDONTWRITEBYTECODE: "1", KILN_SOCKET: path, ...env };
    // What a runtime that ends badly says on its own is no concern of these tests.
    this.child = spawn("timeout", ["60", program, ...args], { env: environment, stdio: "ignore" });
    this.exited = once(this.child, "exit").then(([code]) => code as number | null);
  }

  /** Takes hello, sends init, and takes ready; gives hello. */
  async open(init: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const hello = await this.#opens(0);
    assert.equal(hello.type, type.hello);
    this.send(
      frame(type.init, 0, 0, JSON.stringify({ code: "/function", handler: null, concurrency: 1, window: 1000, ...init })),
    );
    const ready = await this.#opens(1);
    assert.equal(ready.type, type.ready, ready.payload.toString());
    return JSON.parse(hello.payload.toString()) as Record<string, unknown>;
  }

  /** The frame of type failed that follows init instead of ready. */
  async failure(init: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    await this.#opens(0);
    this.send(frame(type.init, 0, 0, JSON.stringify({ code: "/function", concurrency: 1, window: 1000, ...init })));
    const failed = await this.#opens(1);
    assert.equal(failed.type, type.failed);
    return JSON.parse(failed.payload.toString()) as Record<string, unknown>;
  }

  send(...data: readonly Buffer[]): void {
    this.#socket?.write(Buffer.concat(data));
  }

  /** The same in as many writes as there are bytes. */
  async sendByByte(data: Buffer): Promise<void> {
    for (const byte of data) {
      this.#socket?.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  call(id: number): Call {
    return this.#calls.get(id) ?? nothing;
  }

  /** Waits until what has come of a call is as wanted. */
  async until(id: number, wanted: (call: Call) => boolean): Promise<Call> {
    for (let i = 0; i < 2_000 && !wanted(this.call(id)); i++) await sleep(5);
    const { body, ...rest } = this.call(id);
    assert.ok(wanted(this.call(id)), `call ${id}: ${JSON.stringify(rest)}, ${body.length} bytes: ${body.slice(-80)}`);
    return this.call(id);
  }

  /** Nothing more comes: a while must pass, and how long it is makes no run fail that should not. */
  async silence(): Promise<void> {
    await sleep(100);
  }

  disconnect(): void {
    this.#socket?.destroy();
  }

  async stop(): Promise<void> {
    this.#server.close();
    if (this.#socket === null && this.child.exitCode === null) this.child.kill();
    this.#socket?.destroy();
    await this.exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #connected(socket: Socket): void {
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, data]);
      while (this.#rest.length >= 10) {
        const length = this.#rest.readUInt32BE(0);
        if (this.#rest.length < 10 + length) break;
        const [id, kind, flags] = [this.#rest.readUInt32BE(4), this.#rest.readUInt8(8), this.#rest.readUInt8(9)];
        const payload = Buffer.from(this.#rest.subarray(10, 10 + length));
        this.#rest = this.#rest.subarray(10 + length);
        this.#hear({ type: kind, id, flags, payload });
      }
    });
  }

  async #opens(index: number): Promise<Frame> {
    for (let i = 0; i < 4_000 && this.#opening.length <= index && this.child.exitCode === null; i++) await sleep(5);
    const opening = this.#opening[index];
    assert.ok(opening !== undefined, "the runtime said nothing");
    return opening;
  }

  #hear(heard: Frame): void {
    if (heard.type < type.call) {
      this.#opening.push(heard);
      return;
    }
    const call = this.#calls.get(heard.id) ?? { ...nothing };
    this.#calls.set(heard.id, call);
    if (heard.type !== type.log) assert.equal(call.outcome, "open", `frame ${heard.type} of call ${heard.id}, which has ended`);
    hear(call, heard);
  }
}

function hear(call: Call, { type: kind, flags, payload }: Frame): void {
  if (kind === type.log) {
    call.log += `${payload.readUInt8(0)}:${payload.subarray(1).toString()}`;
    return;
  }
  call.frames++;
  if (kind === type.result) {
    assert.equal(call.head, null, "a second result");
    const length = payload.readUInt32BE(0);
    call.head = payload.subarray(4, 4 + length).toString();
    call.body = payload.subarray(4 + length).toString("latin1");
  } else if (kind === type.body) {
    assert.notEqual(call.head, null, "a body before its result");
    call.body += payload.toString("latin1");
  } else if (kind === type.credit) call.credit += payload.readUInt32BE(0);
  else if (kind === type.cancel) call.enough = true;
  else if (kind === type.error) call.outcome = payload.toString();
  if ((kind === type.result || kind === type.body) && (flags & end) !== 0) call.outcome = "end";
}
