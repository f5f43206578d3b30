import type { Duplex } from "node:stream";
import type { World } from "../lib/world.ts";
import type { Images, Prepared } from "../image/image.ts";
import { PlatformError } from "../model/error.ts";
import type { App, Fn, ProtocolName } from "../model/model.ts";
import type { FunctionProtocol } from "../protocol/protocol.ts";
import type { Sandbox, SandboxDriver } from "../sandbox/sandbox.ts";
import { limitsOf } from "./cell.ts";
import type { AgentConfig } from "./config.ts";
import type { Cores } from "./cores.ts";
import type { MemoryBudget } from "./evictor.ts";
import type { Processors } from "./processors.ts";

export interface CompilerParts {
  readonly world: World;
  readonly driver: SandboxDriver;
  readonly images: Pick<Images, "prepare"> & Partial<Pick<Images, "layOut">>;
  readonly protocols: Readonly<Record<ProtocolName, FunctionProtocol>>;
  readonly config: AgentConfig;
  readonly memory: MemoryBudget;
  readonly processors: Processors;
  /** Absent: it is done on all of them. */
  readonly cores?: Pick<Cores, "ofNew"> | undefined;
  /** Somebody waits for a sandbox, or one is started for somebody. */
  readonly busy: () => boolean;
}

/** A function that is wanted is looked at so long afterwards, when a call that came with it is through; and again when the machine has no time, in ms. */
const beginAfterMs = 50;
const beginAgainMs = 250;
/** One that waited so long is compiled though the processors are short, whose starts cost them more, in ms. */
const patienceMs = 15_000;
/** This part of the memory is left to calls. */
const leftPart = 0.25;
/** Functions that wait for their turn; the one that waits longest is dropped for another, and starts as it is. */
const waitingMax = 1000;
/** Of what a sandbox sends. */
const recordsBytesMax = 64 * 1024 * 1024;
/** Code that was tried is not tried again in the life of this process, as far as it is remembered. */
const triedMax = 10_000;

/**
 * Compiles code ahead of its starts (docs/decisions/0015-deploy-time-preparation.md): one function at a time, in a sandbox like its own with no
 * network, while nobody waits for a sandbox and the processors have time left. Best effort: a function that can't be compiled ahead starts as it would without.
 */
export class Compiler {
  readonly #parts: CompilerParts;
  readonly #waiting = new Map<string, { readonly fn: Fn; readonly app: App | null; readonly since: number }>();
  readonly #tried = new Set<string>();
  /** Those with a root that is there, or is wanted anyway. */
  readonly #kinds: Set<string>;
  #callOff: (() => void) | null = null;
  #working: Promise<void> | null = null;
  #sandbox: Sandbox | null = null;
  #closed = false;

  constructor(parts: CompilerParts) {
    this.#parts = parts;
    this.#kinds = new Set(parts.config.stemCells.map(({ kind }) => kind));
  }

  /** A function was deployed. Of a kind that was never used here it is not looked at before its first start: the kind's root may have to be built. */
  expect(fn: Fn, app: App | null): void {
    if (fn.source.type !== "code" || !this.#kinds.has(fn.source.kind)) return;
    // Its call is told when that fails.
    this.#parts.images.prepare(fn.source, fn.id).then(
      (prepared) => this.#want(fn, app, prepared),
      () => {},
    );
  }

  /** A function starts from this. */
  started(fn: Fn, app: App | null, prepared: Prepared): void {
    if (prepared.compilable === undefined) return;
    if (fn.source.type === "code") this.#kinds.add(fn.source.kind);
    this.#want(fn, app, prepared);
  }

  #want(fn: Fn, app: App | null, { compilable }: Prepared): void {
    if (this.#closed || this.#tried.has(nameOf(fn)) || !compilable?.command(fn.protocol)) return;
    // It keeps its place; what is compiled is the newest.
    const since = this.#waiting.get(fn.id)?.since ?? this.#parts.world.monotonic();
    this.#waiting.set(fn.id, { fn, app, since });
    if (this.#waiting.size > waitingMax) this.#waiting.delete(this.#waiting.keys().next().value as string);
    this.#later(beginAfterMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOff?.();
    await this.#sandbox?.stop();
    await this.#working;
  }

  #later(ms: number): void {
    if (this.#closed || this.#callOff !== null || this.#working !== null || this.#waiting.size === 0) return;
    this.#callOff = this.#parts.world.after(ms, () => {
      this.#callOff = null;
      this.#working = this.#next().finally(() => {
        this.#working = null;
        this.#later(beginAgainMs);
      });
    });
  }

  async #next(): Promise<void> {
    const { memory, processors, busy, world } = this.#parts;
    const [wanted] = this.#waiting.values();
    if (wanted === undefined || busy()) return;
    const { fn, app, since } = wanted;
    if (processors.short && world.monotonic() - since < patienceMs) return;
    if (!memory.reserveSpare(fn.memoryMiB, memory.totalMiB * leftPart)) return;
    this.#waiting.delete(fn.id);
    this.#tried.add(nameOf(fn));
    if (this.#tried.size > triedMax) this.#tried.delete(this.#tried.values().next().value as string);
    try {
      await this.#compile(fn, app);
    } catch {
      // Its code, or the machine: the calls will tell.
    } finally {
      memory.release(fn.memoryMiB);
    }
  }

  async #compile(fn: Fn, app: App | null): Promise<void> {
    const prepared = await this.#parts.images.prepare(fn.source, fn.id);
    const command = prepared.compilable?.command(fn.protocol) ?? null;
    if (command === null || this.#closed) return;
    const records = await this.#recordsOf(fn, app, prepared, command);
    if (this.#closed || !(await prepared.compilable?.keep(records))) return;
    // It is read and checked now rather than in the next start.
    const compiled = await this.#parts.images.prepare(fn.source, fn.id);
    if (this.#parts.config.stemCells.some(({ kind }) => fn.source.type === "code" && fn.source.kind === kind))
      await this.#parts.images.layOut?.(compiled);
  }

  async #recordsOf(fn: Fn, app: App | null, prepared: Prepared, command: readonly string[]): Promise<Buffer> {
    const { world, driver, config, protocols, cores } = this.#parts;
    const { env, codePlace } = protocols.frames.launch(fn, {
      name: app?.name ?? null,
      namespace: app?.namespace,
      config: app?.config ?? {},
    });
    const sandbox = await driver.create({
      id: `compile-${fn.id.slice(-8).toLowerCase()}-${fn.revision}`,
      root: prepared.root,
      code: prepared.code,
      codePlace,
      runtime: prepared.runtime,
      command,
      env: { PATH: prepared.path, HOME: "/tmp", ...prepared.env, ...env },
      endpoint: { via: "callback" },
      egress: "none",
      limits: limitsOf(config, { memoryMiB: fn.memoryMiB, cpuWeight: 1, cores: cores?.ofNew(fn.memoryMiB) }),
      output: () => {},
    });
    this.#sandbox = sandbox;
    const limit = new AbortController();
    const stopClock = world.after(config.startTimeoutMs, () => limit.abort(tooSlow(config.startTimeoutMs)));
    void sandbox.exited.then(() => world.after(leaveMs, () => limit.abort(endedEarly())));
    try {
      return await readAll(await sandbox.connect(limit.signal), limit.signal);
    } finally {
      stopClock();
      this.#sandbox = null;
      await sandbox.stop();
    }
  }
}

/** What a program sent before its end is read for so long, in ms. */
const leaveMs = 200;

const nameOf = ({ id, source, protocol }: Fn) => JSON.stringify([id, source, protocol]);

function readAll(connection: Duplex, signal: AbortSignal): Promise<Buffer> {
  const read = new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    connection.on("data", (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > recordsBytesMax) reject(tooMuch());
    });
    connection.once("end", () => resolve(Buffer.concat(pieces)));
    connection.once("error", reject);
    connection.once("close", () => reject(endedEarly()));
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return read.finally(() => connection.destroy());
}

function tooSlow(timeoutMs: number): PlatformError {
  return new PlatformError("start_timeout", `The code was not compiled within ${timeoutMs} ms`);
}

function tooMuch(): PlatformError {
  return new PlatformError("function_protocol", `What was compiled has more than ${recordsBytesMax} bytes`);
}

function endedEarly(): PlatformError {
  return new PlatformError("function_start_failed", "The process that compiles the code ended before it had sent everything");
}
