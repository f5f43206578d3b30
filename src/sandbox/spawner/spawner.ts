/** The serving process's side: starts the spawner process once and turns its frames into promises and callbacks. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../../model/error.ts";
import { FrameReader, frameHead, frameType, textFrame } from "../../wire/frames.ts";
import type { JoinedNetwork } from "../egress/egress.ts";
import type { Arrivals } from "../endpoints/arrivals.ts";
import type { SandboxExit } from "../sandbox.ts";
import type {
  ExpectRequest,
  FailedReply,
  JoinReply,
  JoinRequest,
  Notice,
  RestrictRequest,
  SpawnedReply,
  SpawnerSettings,
  SpawnRequest,
} from "./messages.ts";
import { StdioStream } from "./stdio-stream.ts";

/** A program in the care of the spawner. */
export interface Program {
  readonly reply: SpawnedReply;
  /** STDIN and STDOUT, where the end point is `stdio`. */
  readonly stdio: Duplex | null;
  /** From `internet` to a list. Rejects with `internal`. */
  restrict(request: RestrictRequest): Promise<void>;
  /** Ends it for good; `gone` tells when. */
  kill(): void;
  readonly exited: Promise<SandboxExit>;
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<SandboxExit>;
}

/** The running spawner process. It dies by itself when this process does. */
export class Spawner {
  /** Resolves when the spawner is gone and the programs with it, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #link: Socket;
  readonly #ready: Promise<void>;
  readonly #programs = new Map<number, LivingProgram>();
  /** Who gets the port that a sandbox makes, by its folder. */
  readonly #arrivals = new Map<string, Arrivals>();
  /** Who hears that the network of a container is there, and that it is lost. */
  readonly #joining = new Map<number, (reply: JoinReply) => void>();
  readonly #joined = new Map<number, () => void>();
  #nextNumber = 1;
  #closing = false;

  /** `cleanUp` is called when the spawner ended unasked, before its programs are reported as gone; `notice` hears what it tells of itself. */
  constructor(settings: SpawnerSettings, cleanUp: () => Promise<void>, notice: (notice: Notice) => void) {
    this.#child = startProcess(settings);
    this.#link = this.#child.stdio[3] as Socket;
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    this.ended = ended.promise;
    const reader = new FrameReader((type, id, _flags, payload) => {
      if (type === frameType.ready) ready.resolve();
      else if (type === frameType.notice) notice(JSON.parse(payload.toString()) as Notice);
      else if (type === frameType.joined) this.#joining.get(id)?.(JSON.parse(payload.toString()) as JoinReply);
      else this.#programs.get(id)?.take(type, payload);
    });
    this.#link.on("data", (chunk: Buffer) => reader.push(chunk));
    this.#link.on("error", () => {});
    this.#child.on("error", () => this.#link.destroy());
    this.#link.once("close", () => {
      ready.reject(new PlatformError("internal", "The sandbox spawner did not start or has ended"));
      void this.#lost(cleanUp).finally(() => ended.resolve());
    });
    ready.promise.catch(() => {});
    this.#child.channel?.unref();
    this.#child.on("message", (folder, port) => this.#handOver(String(folder), port as Server));
  }

  get #exited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Starts a program. Rejects with `internal` when the technology fails. `output` hears what it prints, `arrivals` gets the port that it makes. */
  async start(
    request: SpawnRequest,
    output: (stream: "stdout" | "stderr", data: Buffer) => void,
    arrivals: Arrivals | null,
  ): Promise<Program> {
    await this.#ready;
    if (this.#link.destroyed) throw new PlatformError("internal", "The sandbox spawner has ended");
    const number = this.#number();
    const program = new LivingProgram(number, this.#link, request.endpoint.via === "stdio", output, () => {
      this.#programs.delete(number);
      this.#arrivals.delete(request.folder);
    });
    this.#programs.set(number, program);
    if (arrivals !== null) this.#arrivals.set(request.folder, arrivals);
    this.#link.write(textFrame(frameType.spawn, number, JSON.stringify(request)));
    return await program.started;
  }

  /** Gives a container of somebody else's a network. Rejects with `unsupported` where there are none, and with `internal`. */
  async join(request: JoinRequest, lost: () => void): Promise<JoinedNetwork> {
    await this.#ready;
    if (this.#link.destroyed) throw new PlatformError("internal", "The sandbox spawner has ended");
    const number = this.#number();
    const answer = Promise.withResolvers<JoinReply>();
    this.#joining.set(number, answer.resolve);
    this.#link.write(textFrame(frameType.join, number, JSON.stringify(request)));
    const { outcome, message } = await answer.promise;
    this.#joining.delete(number);
    if (outcome === "none") throw new PlatformError("unsupported", "There are no networks for sandboxes on this machine");
    if (outcome === "failed") throw new PlatformError("internal", `A container could be given no network: ${message}`);
    this.#joined.set(number, lost);
    return { leave: () => this.#leave(number) };
  }

  /** Has some made ready that are like this one. */
  expect(expected: ExpectRequest): void {
    const send = () => {
      if (!this.#link.destroyed) this.#link.write(textFrame(frameType.expect, 0, JSON.stringify(expected)));
    };
    this.#ready.then(send, () => {});
  }

  /** Ends all programs and the process. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#link.end();
    await this.ended;
  }

  #number(): number {
    const number = this.#nextNumber;
    this.#nextNumber = number === 0xffff_ffff ? 1 : number + 1;
    return number;
  }

  /** The sandbox may have ended meanwhile. */
  #handOver(folder: string, port: Server): void {
    const arrivals = this.#arrivals.get(folder);
    if (arrivals === undefined) port.close();
    else arrivals.take(port);
    this.#arrivals.delete(folder);
  }

  #leave(number: number): void {
    if (!this.#joined.delete(number) || this.#link.destroyed || this.#link.writableEnded) return;
    this.#link.write(frameHead(frameType.kill, number, 0));
  }

  async #lost(cleanUp: () => Promise<void>): Promise<void> {
    this.#child.ref();
    if (!this.#exited) await new Promise((resolve) => this.#child.once("exit", resolve));
    try {
      if (!this.#closing) await cleanUp();
    } finally {
      for (const program of this.#programs.values()) program.lose();
      this.#programs.clear();
      this.#arrivals.clear();
      for (const answer of this.#joining.values()) answer({ outcome: "failed", message: "the sandbox spawner has ended" });
      for (const lost of this.#joined.values()) lost();
      this.#joined.clear();
    }
  }
}

/** Frames of one number. */
class LivingProgram implements Program {
  readonly started: Promise<Program>;
  readonly exited: Promise<SandboxExit>;
  readonly gone: Promise<SandboxExit>;
  readonly stdio: StdioStream | null;
  reply: SpawnedReply = {
    pid: 0,
    finished: false,
    freezeFile: null,
    memoryFiles: null,
    cpuFile: null,
    coresFile: null,
    socketFolder: null,
  };
  readonly #number: number;
  readonly #link: Socket;
  readonly #output: (stream: "stdout" | "stderr", data: Buffer) => void;
  readonly #forget: () => void;
  readonly #starting = Promise.withResolvers<Program>();
  readonly #exiting = Promise.withResolvers<SandboxExit>();
  readonly #going = Promise.withResolvers<SandboxExit>();
  #restricting: PromiseWithResolvers<void> | null = null;

  constructor(
    number: number,
    link: Socket,
    hasStdio: boolean,
    output: (stream: "stdout" | "stderr", data: Buffer) => void,
    forget: () => void,
  ) {
    this.#number = number;
    this.#link = link;
    this.#output = output;
    this.#forget = forget;
    this.stdio = hasStdio ? new StdioStream((type, payload, flags) => this.#send(type, payload, flags)) : null;
    this.started = this.#starting.promise;
    this.exited = this.#exiting.promise;
    this.gone = this.#going.promise;
  }

  take(type: number, payload: Buffer): void {
    if (type === frameType.stdout && this.stdio !== null) this.stdio.receive(payload);
    else if (type === frameType.stdout) this.#output("stdout", payload);
    else if (type === frameType.stderr) this.#output("stderr", payload);
    else if (type === frameType.credit) this.stdio?.credit(payload.readUInt32BE(0));
    else if (type === frameType.spawned) this.#spawned(JSON.parse(payload.toString()) as SpawnedReply);
    else if (type === frameType.restricted) this.#restricted(payload);
    else if (type === frameType.failed) this.#failed((JSON.parse(payload.toString()) as FailedReply).message);
    else if (type === frameType.exited) this.#exited(JSON.parse(payload.toString()) as SandboxExit);
    else if (type === frameType.killed) this.#gone(JSON.parse(payload.toString()) as SandboxExit);
  }

  async restrict(request: RestrictRequest): Promise<void> {
    this.#restricting = Promise.withResolvers();
    this.#send(frameType.restrict, Buffer.from(JSON.stringify(request)), 0);
    const gone = this.exited.then(() => {
      throw new PlatformError("internal", "The sandbox has ended");
    });
    await Promise.race([this.#restricting.promise, gone]);
  }

  kill(): void {
    this.#send(frameType.kill, Buffer.alloc(0), 0);
  }

  /** The spawner is gone, and so is everything it started. */
  lose(): void {
    const exit = { code: null, signal: "SIGKILL", outOfMemory: false };
    this.#failed("The sandbox spawner has ended");
    this.#exited(exit);
    this.#gone(exit);
  }

  #spawned(reply: SpawnedReply): void {
    this.reply = reply;
    this.#starting.resolve(this);
  }

  #restricted(payload: Buffer): void {
    if (payload.length === 0) return this.#restricting?.resolve();
    const { message } = JSON.parse(payload.toString()) as FailedReply;
    this.#restricting?.reject(new PlatformError("internal", `What a sandbox connects to could not be changed: ${message}`));
  }

  #failed(message: string): void {
    this.#starting.reject(new PlatformError("internal", `The sandbox could not be started: ${message}`));
    this.#forget();
  }

  #exited(exit: SandboxExit): void {
    this.stdio?.finish(exit);
    this.#exiting.resolve(exit);
  }

  #gone(exit: SandboxExit): void {
    this.#going.resolve(exit);
    this.#forget();
  }

  #send(type: number, payload: Buffer, flags: number): void {
    if (this.#link.destroyed || this.#link.writableEnded) return;
    this.#link.cork();
    this.#link.write(frameHead(type, this.#number, payload.length, flags));
    if (payload.length > 0) this.#link.write(payload);
    this.#link.uncork();
  }
}

/** By which Node tells its child processes that they are such, and where the channel is. */
const channelVariables = ["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"];

/** As root it gets a mount namespace of its own, so that what it mounts is never seen outside and goes away with it. */
function startProcess(settings: SpawnerSettings): ChildProcess {
  const here = fileURLToPath(import.meta.url);
  const main = here.replace(/spawner(\.[jt]s)$/, "main$1");
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", main, JSON.stringify(settings)];
  const ownMounts = settings.isolation?.privileged === true ? ["unshare", "--mount", "--propagation", "slave"] : [];
  // The channel is for what the spawner starts: what arrives there is not for itself.
  const channel = settings.isolation === null ? [] : ["env", ...channelVariables.flatMap((name) => ["-u", name])];
  const [command, ...args] = [...ownMounts, ...channel, ...node];
  const child = spawn(command as string, args, {
    cwd: "/",
    detached: true,
    env: { PATH: settings.path },
    stdio: ["ignore", "ignore", "inherit", "pipe", ...(settings.isolation === null ? [] : ["ipc" as const])],
  });
  child.unref();
  return child;
}
