import type { Duplex } from "node:stream";
import type { CodeSource, Images, InstallPlan } from "../image/image.ts";
import { dial } from "../lib/dial.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Sandbox, SandboxDriver } from "../sandbox/sandbox.ts";
import type { InstallConfig } from "./config.ts";
import type { MemoryBudget } from "./evictor.ts";
import { Permits } from "./permits.ts";
import { RegistryLines } from "./registry-lines.ts";

export interface InstallerParts {
  readonly world: World;
  readonly driver: SandboxDriver;
  readonly images: Partial<Pick<Images, "planInstall">>;
  readonly memory: MemoryBudget;
  readonly config: InstallConfig;
}

/** Installations at a time: each is a package manager's whole work. */
const atOnceMax = 2;
/** Left to processes, of the memory; the rest may be files. */
const processesMiB = 512;
const memoryMiBMin = 256;
const processesMax = 256;
const openFilesMax = 4096;
const tmpFilesMax = 200_000;
const socket = { folder: "/tmp/kiln", name: "install.sock" } as const;
const answerBytesMax = 1024 * 1024;
const memoryAgainMs = 250;
/** What a program sent before its end is read for so long, in ms. */
const leaveMs = 500;

/**
 * Installs the packages that code names and does not bring (docs/decisions/0019-dependencies.md): in a sandbox without a network whose way
 * to the registries, and to nothing else, leads through this process. Whoever wants the same at the same time shares the work; it ends when
 * nobody wants it any more.
 */
export class Installer {
  readonly #parts: InstallerParts;
  readonly #permits = new Permits(atOnceMax);
  readonly #running = new Map<string, Work>();
  #started = 0;
  #closed = false;

  constructor(parts: InstallerParts) {
    this.#parts = parts;
  }

  /**
   * What `Source.dependencies` is to say; null: the code needs nothing. Throws `build_failed` with the package manager's last lines,
   * `overloaded`, and the signal's reason.
   */
  async install(source: CodeSource, namespace: string, signal: AbortSignal): Promise<string | null> {
    const plan = (await this.#parts.images.planInstall?.(source, namespace)) ?? null;
    if (plan === null) return null;
    if (!(await plan.isThere())) await this.#share(plan, namespace, signal);
    return plan.key;
  }

  /** What `install` would give, and whether it would have to wait for it. Throws as `Images.planInstall`. */
  async look(source: CodeSource, namespace: string): Promise<{ readonly key: string; readonly isThere: boolean } | null> {
    const plan = (await this.#parts.images.planInstall?.(source, namespace)) ?? null;
    return plan === null ? null : { key: plan.key, isThere: await plan.isThere() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { stop } of this.#running.values()) stop.abort(stopping());
    await Promise.allSettled([...this.#running.values()].map(({ done }) => done));
  }

  async #share(plan: InstallPlan, namespace: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const work = this.#running.get(plan.key) ?? this.#begin(plan, namespace);
    work.wanted++;
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const leave = () => reject(signal.reason as Error);
    signal.addEventListener("abort", leave);
    try {
      await Promise.race([work.done, gone]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--work.wanted === 0) {
        // Whoever comes now begins anew rather than waits for what is being stopped.
        if (this.#running.get(plan.key) === work) this.#running.delete(plan.key);
        work.stop.abort(cancelled());
      }
    }
  }

  #begin(plan: InstallPlan, namespace: string): Work {
    if (this.#closed) throw stopping();
    const stop = new AbortController();
    const done = this.#run(plan, namespace, stop.signal);
    const work: Work = { stop, done, wanted: 0 };
    done.catch(() => {});
    this.#running.set(plan.key, work);
    return work;
  }

  async #run(plan: InstallPlan, namespace: string, signal: AbortSignal): Promise<void> {
    const { memory, config } = this.#parts;
    const release = await this.#permits.take(namespace);
    try {
      signal.throwIfAborted();
      // Half of the memory is left to calls.
      const memoryMiB = Math.min(config.memoryMiB, memory.totalMiB, Math.max(memoryMiBMin, Math.floor(memory.totalMiB / 2)));
      await this.#reserve(memoryMiB, signal);
      try {
        await this.#inSandbox(plan, memoryMiB, signal);
      } finally {
        memory.release(memoryMiB);
      }
    } finally {
      release();
    }
  }

  async #reserve(memoryMiB: number, signal: AbortSignal): Promise<void> {
    const { world, memory, config } = this.#parts;
    const giveUpAt = world.monotonic() + config.timeoutMs;
    while (!memory.reserve(memoryMiB)) {
      if (world.monotonic() > giveUpAt) throw noMemory(memoryMiB);
      await new Promise<void>((resolve) => world.after(memoryAgainMs, resolve));
      signal.throwIfAborted();
    }
  }

  async #inSandbox(plan: InstallPlan, memoryMiB: number, signal: AbortSignal): Promise<void> {
    const { world, driver, config } = this.#parts;
    const { job, hosts, command, path, ...folders } = await plan.start();
    signal.throwIfAborted();
    const sandbox = await driver.create({
      ...folders,
      id: `install-${plan.key.slice(0, 8)}-${++this.#started}`,
      command,
      env: { PATH: path, HOME: "/tmp", KILN_SOCKET_PATH: `${socket.folder}/${socket.name}` },
      endpoint: { via: "unix", ...socket },
      egress: "none",
      limits: {
        memoryMiB,
        processesMax,
        openFilesMax,
        tmpFilesMax,
        tmpMiB: Math.max(Math.floor(memoryMiB / 2), memoryMiB - processesMiB),
        cpuWeight: 100,
      },
      output: () => {},
    });
    const limit = new AbortController();
    const ends = AbortSignal.any([signal, limit.signal]);
    const stopClock = world.after(config.timeoutMs, () => limit.abort(tooSlow(plan, config.timeoutMs)));
    void sandbox.exited.then(() => world.after(leaveMs, () => limit.abort(endedEarly(plan))));
    const reach = (host: string, port: number, until: AbortSignal) => dial(host, port, config, until);
    const connect = (until: AbortSignal) => sandbox.connect(until);
    try {
      // First of all: the one that is told what to do.
      const control = await sandbox.connect(ends);
      const lines = new RegistryLines({ world, connect, dial: reach, allowed: hosts, signal: ends });
      try {
        await this.#ask(plan, control, job, sandbox, lines, ends);
      } finally {
        control.destroy();
        lines.close();
      }
    } finally {
      stopClock();
      limit.abort(endedEarly(plan));
      await sandbox.stop();
    }
  }

  async #ask(
    plan: InstallPlan,
    control: Duplex,
    job: string,
    sandbox: Sandbox,
    lines: RegistryLines,
    signal: AbortSignal,
  ): Promise<void> {
    const stop = () => control.destroy(signal.reason as Error);
    control.on("error", () => {});
    signal.addEventListener("abort", stop, { once: true });
    const pieces = control[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    control.write(`${job}\n`);
    try {
      const { answer, rest } = await readAnswer(pieces, plan);
      if (!answer.ok || plan.isIncomplete(answer.said)) throw failureOf(plan, answer.said, lines);
      await plan.keep(rest);
    } catch (error) {
      // What the kernel ended is told before what came of it.
      if ((await sandbox.stop()).outOfMemory) throw outOfMemory(plan);
      signal.throwIfAborted();
      throw error;
    }
  }
}

interface Work {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  /** Who waits for it. */
  wanted: number;
}

interface Answer {
  readonly ok: boolean;
  readonly said: string;
}

/** The first line, and what follows. */
async function readAnswer(
  pieces: AsyncIterator<Buffer>,
  plan: InstallPlan,
): Promise<{ answer: Answer; rest: AsyncIterable<Buffer> }> {
  let text: Buffer = Buffer.alloc(0);
  for (;;) {
    const feed = text.indexOf(10);
    if (feed >= 0) return { answer: parsed(text.subarray(0, feed), plan), rest: remaining(text.subarray(feed + 1), pieces) };
    if (text.length > answerBytesMax) throw endedEarly(plan);
    const { done, value } = await pieces.next();
    if (done === true) throw endedEarly(plan);
    text = Buffer.concat([text, value as Buffer]);
  }
}

async function* remaining(first: Buffer, pieces: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
}

/** Scripts of packages may have written it. */
function parsed(line: Buffer, plan: InstallPlan): Answer {
  try {
    const { ok, said } = JSON.parse(line.toString("utf8")) as Partial<Answer>;
    return { ok: ok === true, said: typeof said === "string" ? said : "" };
  } catch {
    throw endedEarly(plan);
  }
}

function failureOf(plan: InstallPlan, said: string, { refused, failed }: RegistryLines): PlatformError {
  const known = plan.failure(said);
  const [unwanted] = refused;
  if (unwanted !== undefined)
    return buildFailed(
      plan,
      { ...known.details, reason: "refused" },
      `${plan.manager} wanted to connect to ${JSON.stringify(unwanted)}, which is no registry of this server`,
      "Take packages from its registries only; who runs the server can name more in registryHosts",
    );
  const [unreachable] = failed;
  if (unreachable === undefined || known.details["reason"] === "disk") return known;
  return buildFailed(
    plan,
    { ...known.details, reason: "unreachable" },
    `the registry ${unreachable[0]} cannot be reached (${unreachable[1]})`,
    "Try again later; who runs the server can set npmRegistry, pipIndex, goProxy, cargoIndex and registryProxy",
  );
}

function buildFailed({ failed }: InstallPlan, details: PlatformError["details"], why: string, fix: string): PlatformError {
  return new PlatformError("build_failed", `${failed}: ${why}. ${fix}`, { details });
}

function outOfMemory(plan: InstallPlan): PlatformError {
  const details = { reason: "memory", output: "" };
  return buildFailed(
    plan,
    details,
    `${plan.manager} ran out of memory`,
    "Depend on less, or give the server a larger installMemoryMiB",
  );
}

function cancelled(): PlatformError {
  return new PlatformError("cancelled", "Nobody waits for the packages any more");
}

function stopping(): PlatformError {
  return new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
}

function noMemory(memoryMiB: number): PlatformError {
  const message = `There is no memory to install packages now: ${memoryMiB} MiB are needed. Try again later`;
  return new PlatformError("overloaded", message, { details: { retryAfterS: 10 } });
}

function tooSlow(plan: InstallPlan, timeoutMs: number): PlatformError {
  const details = { reason: "timeout", output: "" };
  return buildFailed(plan, details, `it took more than ${timeoutMs} ms`, "Depend on less, or send the packages with the code");
}

function endedEarly(plan: InstallPlan): PlatformError {
  return buildFailed(plan, { reason: "failed", output: "" }, "the sandbox ended in the middle", "Try again");
}
