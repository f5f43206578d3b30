/** The spawner's side of the link: frames in, sandboxes out. */
import type { Socket } from "node:net";
import { FrameReader, flagEnd, frameHead, frameType, textFrame } from "../../wire/frames.ts";
import type { JoinedNetwork } from "../egress/egress.ts";
import type { SandboxExit } from "../sandbox.ts";
import { Flow } from "./flow.ts";
import type { Launched, Launcher } from "./launcher.ts";
import {
  type ExpectRequest,
  type JoinReply,
  type JoinRequest,
  type RestrictRequest,
  type SpawnRequest,
  windowBytes,
} from "./messages.ts";

/** Serves one driver until it goes away, then kills what is left. Resolves when everything has been freed. */
export async function serve(link: Socket, launcher: Launcher): Promise<void> {
  const server = new Server(link, launcher);
  await new Promise<void>((resolve) => {
    const reader = new FrameReader((type, id, flags, payload) => server.take(type, id, flags, payload));
    link.on("data", (chunk: Buffer) => reader.push(chunk));
    link.on("drain", () => server.drained());
    link.on("error", () => {});
    link.on("close", resolve);
    server.send(frameType.ready, 0);
  });
  await server.close();
}

class Server {
  readonly #link: Socket;
  readonly #launcher: Launcher;
  readonly #running = new Map<number, Running>();
  readonly #joined = new Map<number, JoinedNetwork>();
  /** Including those that are still starting, and those that are being freed. */
  readonly #unfinished = new Set<Promise<void>>();
  #closed = false;
  #joining = false;

  constructor(link: Socket, launcher: Launcher) {
    this.#link = link;
    this.#launcher = launcher;
  }

  take(type: number, id: number, flags: number, payload: Buffer): void {
    if (type === frameType.spawn) return this.#spawn(id, JSON.parse(payload.toString()) as SpawnRequest);
    if (type === frameType.expect) return this.#launcher.expect?.(JSON.parse(payload.toString()) as ExpectRequest);
    if (type === frameType.join) return void this.#give(id, JSON.parse(payload.toString()) as JoinRequest);
    const running = this.#running.get(id);
    if (running === undefined) return type === frameType.kill ? this.#take(id) : undefined;
    if (type === frameType.stdin) running.write(payload, (flags & flagEnd) !== 0);
    else if (type === frameType.credit) running.credit(payload.readUInt32BE(0));
    else if (type === frameType.restrict) void this.#restrict(id, running, JSON.parse(payload.toString()) as RestrictRequest);
    else if (type === frameType.kill) running.kill();
  }

  /** False when the link is congested; the frame is sent all the same. */
  send(type: number, id: number, payload: Buffer | string = "", flags = 0): boolean {
    if (this.#link.destroyed) return true;
    this.#join();
    if (typeof payload === "string") return this.#link.write(textFrame(type, id, payload, flags));
    this.#link.write(frameHead(type, id, payload.length, flags));
    const free = this.#link.write(payload);
    if (!free) for (const running of this.#running.values()) running.hold("link");
    return free;
  }

  /** What is read of many sandboxes in one turn leaves in one write, and the server wakes up once for all of it. */
  #join(): void {
    if (this.#joining) return;
    this.#joining = true;
    this.#link.cork();
    setImmediate(() => {
      this.#joining = false;
      this.#link.uncork();
    });
  }

  drained(): void {
    for (const running of this.#running.values()) running.let("link");
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const running of this.#running.values()) running.kill();
    await Promise.allSettled(this.#unfinished);
  }

  #spawn(id: number, request: SpawnRequest): void {
    const life = this.#live(id, request).catch((error: unknown) => {
      this.send(frameType.failed, id, JSON.stringify({ message: error instanceof Error ? error.message : String(error) }));
    });
    this.#unfinished.add(life);
    void life.finally(() => this.#unfinished.delete(life));
  }

  /** A network, to a container that somebody else has started. */
  async #give(id: number, request: JoinRequest): Promise<void> {
    let reply: JoinReply = { outcome: "none", message: "" };
    try {
      const network = (await this.#launcher.join?.(request)) ?? null;
      if (network !== null) {
        this.#joined.set(id, network);
        reply = { outcome: "joined", message: "" };
      }
    } catch (error) {
      reply = { outcome: "failed", message: error instanceof Error ? error.message : String(error) };
    }
    this.send(frameType.joined, id, JSON.stringify(reply));
  }

  async #restrict(id: number, running: Running, request: RestrictRequest): Promise<void> {
    try {
      await running.restrict(request);
      this.send(frameType.restricted, id);
    } catch (error) {
      this.send(frameType.restricted, id, JSON.stringify({ message: error instanceof Error ? error.message : String(error) }));
    }
  }

  #take(id: number): void {
    this.#joined.get(id)?.leave();
    this.#joined.delete(id);
  }

  async #live(id: number, request: SpawnRequest): Promise<void> {
    const launched = await this.#launcher.start(request);
    const running = new Running(id, launched, request, this);
    this.#running.set(id, running);
    this.send(frameType.spawned, id, JSON.stringify(launched.reply));
    if (this.#closed) running.kill();
    const exit = await running.ended;
    this.send(frameType.exited, id, JSON.stringify(exit));
    this.#running.delete(id);
    await launched.free();
    this.send(frameType.killed, id, JSON.stringify(exit));
  }
}

/** One sandbox while its program runs. */
class Running {
  readonly ended: Promise<SandboxExit>;
  readonly #id: number;
  readonly #launched: Launched;
  readonly #server: Server;
  readonly #flows: readonly Flow[];
  readonly #connection: Flow | null;

  constructor(id: number, launched: Launched, { endpoint, outputMark }: SpawnRequest, server: Server) {
    const isConnection = endpoint.via === "stdio";
    this.#id = id;
    this.#launched = launched;
    this.#server = server;
    const { stdin, stdout, stderr } = launched.pipes;
    const out = new Flow(
      stdout,
      (data) => server.send(frameType.stdout, id, data),
      isConnection ? windowBytes : null,
      outputMark,
    );
    const err = new Flow(stderr, (data) => server.send(frameType.stderr, id, data), null, outputMark);
    this.#flows = [out, err];
    this.#connection = isConnection ? out : null;
    stdin.on("error", () => stdin.destroy());
    if (!isConnection) stdin.end();
    this.ended = this.#end();
  }

  /** STDIN of a `stdio` connection. What the program no longer reads counts as taken. */
  write(data: Buffer, isLast: boolean): void {
    const { stdin } = this.#launched.pipes;
    if (data.length > 0) {
      const taken = () => this.#server.send(frameType.credit, this.#id, creditPayload(data.length));
      if (stdin.writable) stdin.write(data, taken);
      else taken();
    }
    if (isLast && stdin.writable) stdin.end();
  }

  credit(bytes: number): void {
    this.#connection?.credit(bytes);
  }

  async restrict(request: RestrictRequest): Promise<void> {
    await this.#launched.restrict?.(request);
  }

  hold(reason: "link"): void {
    for (const flow of this.#flows) flow.hold(reason);
  }

  let(reason: "link"): void {
    for (const flow of this.#flows) flow.let(reason);
  }

  kill(): void {
    this.#launched.kill();
  }

  async #end(): Promise<SandboxExit> {
    const { child } = this.#launched;
    const status = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve({ code: child.exitCode, signal: child.signalCode });
      else child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    // What the program left running dies with it, or its output would never end.
    this.#launched.kill();
    await Promise.all(this.#flows.map((flow) => flow.finish()));
    return { ...plainExit(status), outOfMemory: this.#launched.outOfMemory() };
  }
}

/** The number of a signal that ended a program is all that a program in between can hand on: 128 and more. */
function plainExit(status: { code: number | null; signal: string | null }): { code: number | null; signal: string | null } {
  const name = status.code !== null && status.code > 128 ? signalNames[status.code - 128] : undefined;
  return name === undefined ? status : { code: null, signal: name };
}

const signalNames: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};

function creditPayload(bytes: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(bytes);
  return payload;
}
