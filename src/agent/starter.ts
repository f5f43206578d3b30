import type { World } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { App, Fn, LogLine, ProtocolName } from "../model/model.ts";
import type { Images, Prepared } from "../image/image.ts";
import type { FunctionProtocol, FunctionRequest, Launch, Session, SessionHooks } from "../protocol/protocol.ts";
import { platformVariables } from "../sandbox/egress/egress.ts";
import { cpuWeightOf, type Sandbox, type SandboxDriver, type SandboxSpec } from "../sandbox/sandbox.ts";
import { limitsOf, type Size, withMemory } from "./cell.ts";
import type { StemCells, TakenCell } from "./cells.ts";
import type { Compiler } from "./compiler.ts";
import type { AgentConfig } from "./config.ts";
import type { Cores } from "./cores.ts";
import type { EgressRules, SettledFn } from "./egress-rules.ts";
import { FinishedDemand, ruleFor } from "./finished-demand.ts";
import { Instance, ownExit } from "./instance.ts";
import type { MachineCores } from "./machine-cores.ts";
import type { Processors } from "./processors.ts";
import { Permits } from "./permits.ts";

export interface StarterParts {
  readonly world: World;
  readonly driver: SandboxDriver;
  /** Without `prepareBlank` there are no stem cells. */
  readonly images: Pick<Images, "prepare"> & Partial<Pick<Images, "prepareBlank" | "layOut" | "planInstall" | "fetchAhead">>;
  readonly protocols: Readonly<Record<ProtocolName, FunctionProtocol>>;
  readonly config: AgentConfig;
  /** This machine's by default. */
  readonly processors?: Processors | undefined;
  readonly machineCores?: MachineCores | undefined;
}

/** What a sandbox gets of the processors. */
export interface ProcessorShares {
  /** The weight with which one of a function starts; undefined: what its memory makes. */
  readonly weightOf: (fn: Fn) => number | undefined;
  readonly cores: Pick<Cores, "ofNew" | "watch">;
}

/** What the owner of an instance hears of it. */
export interface InstanceWatch {
  /** Its sandbox ended, for whatever reason. */
  ended(instance: Instance): void;
  /** What it starts from is being made ready, which takes long where a kind is used for the first time; ends with the call of the result. */
  preparing(): () => void;
  /** Whether somebody waits for the answer of a call that waits for it. */
  isUrgent(): boolean;
  /** It never got ready; what it printed. */
  failed(lines: readonly LogLine[]): void;
}

/** Makes instances: prepares what they start from, starts the sandbox, and opens the session. */
export class Starter {
  readonly #parts: StarterParts;
  readonly #permits: Permits;
  readonly #shares: ProcessorShares;
  readonly #cells: StemCells;
  readonly #compiler: Compiler;
  readonly #egress: Pick<EgressRules, "settled">;
  readonly #finished: FinishedDemand;
  #started = 0;

  constructor(
    parts: StarterParts,
    cells: StemCells,
    compiler: Compiler,
    egress: Pick<EgressRules, "settled">,
    shares: ProcessorShares,
  ) {
    this.#parts = parts;
    this.#cells = cells;
    this.#compiler = compiler;
    this.#egress = egress;
    this.#shares = shares;
    this.#permits = new Permits(parts.config.startsMax);
    this.#finished = new FinishedDemand(parts.world, (spec, count) => parts.driver.expect?.(spec, count));
  }

  close(): void {
    this.#finished.close();
  }

  /** Starts that nobody waited for may be urgent now. */
  hurry(): void {
    this.#permits.look();
  }

  protocolOf(fn: Fn): FunctionProtocol {
    return this.#parts.protocols[fn.protocol];
  }

  /** A function is there whose first call may come: where its kind has nothing to start before the code, sandboxes are finished for it. */
  expect(fn: Fn, app: App | null): void {
    const { images, driver } = this.#parts;
    if (fn.source.type === "image") void images.fetchAhead?.(fn.source, fn.id, fn.revision);
    const rule = driver.expect === undefined ? undefined : ruleFor(fn, this.#parts.config.stemCells);
    if (rule === undefined) return;
    images.prepare(fn.source, fn.id).then(
      (prepared) => {
        if (prepared.shimCommand !== null) return;
        const settled = this.#egress.settled(fn);
        const launch = this.protocolOf(fn).launch(settled, {
          name: app?.name ?? null,
          namespace: app?.namespace,
          config: app?.config ?? {},
        });
        this.#finished.expect(rule, this.#spec(settled, launch, prepared, this.#sizeOf(fn)));
      },
      // Its call is told.
      () => {},
    );
  }

  /**
   * A ready instance. Rejects with the cause and the last lines that the program printed; nothing is left running then.
   * `request`: the call it is made for, where the protocol serves one call a process.
   */
  async start(fn: Fn, app: App | null, request: FunctionRequest | null, watch: InstanceWatch): Promise<Instance> {
    const prepared = await this.#parts.images.prepare(fn.source, fn.id, fn.revision).finally(watch.preparing());
    if (prepared.hold === undefined) return await this.#startFrom(prepared, fn, app, request, watch);
    const letGo = prepared.hold();
    try {
      const instance = await this.#startFrom(prepared, fn, app, request, watch);
      void instance.sandbox.exited.then(letGo);
      return instance;
    } catch (error) {
      letGo();
      throw error;
    }
  }

  async #startFrom(prepared: Prepared, given: Fn, app: App | null, request: FunctionRequest | null, watch: InstanceWatch) {
    this.#compiler.started(given, app, prepared);
    // As late as can be: what the namespace says may change.
    const fn = this.#egress.settled(given);
    const taken = request === null ? this.#cells.take(fn, app, prepared) : undefined;
    if (taken !== undefined && (await restricted(taken, fn))) return await this.#handOver(taken, fn, app, prepared, watch);
    const release = await this.#permits.take(fn.namespace, () => watch.isUrgent());
    try {
      return await this.#start(fn, app, request, prepared, watch);
    } finally {
      release();
    }
  }

  async #start(fn: SettledFn, app: App | null, request: FunctionRequest | null, prepared: Prepared, watch: InstanceWatch) {
    const { world, driver } = this.#parts;
    const { extensions } = prepared;
    const owner = { name: app?.name ?? null, namespace: app?.namespace, config: app?.config ?? {}, extensions };
    const launch = this.protocolOf(fn).launch(fn, owner, request);
    const beganAt = world.monotonic();
    let instance: Instance | undefined;
    // A program may have printed, and be over, before it is known that it was started.
    const early: Parameters<Instance["output"]>[] = [];
    const size = this.#sizeOf(fn);
    const spec = this.#spec(fn, launch, prepared, size);
    const output: SandboxSpec["output"] = (...printed) => {
      if (instance === undefined) early.push(printed);
      else instance.output(...printed);
    };
    const sandbox = await driver.create({ ...spec, output });
    const createdAt = world.monotonic();
    // Without a runtime of ours it is all that a stem cell could be.
    const finished = sandbox.finished === true;
    const rule = prepared.shimCommand === null ? ruleFor(fn, this.#parts.config.stemCells) : undefined;
    if (rule !== undefined && driver.expect !== undefined) this.#finished.started(rule, spec, finished);
    const origin = finished && prepared.shimCommand === null ? "prewarmed" : "cold";
    instance = new Instance(sandbox, createdAt - beganAt, world, origin, launch.hiddenLine);
    instance.cpuWeight = size.cpuWeight ?? null;
    instance.cores = size.cores ?? null;
    for (const printed of early) instance.output(...printed);
    const open: Open = (hooks, signal) => this.protocolOf(fn).open(fn, (until) => dial(sandbox, until), hooks, signal, owner);
    return await this.#ready(fn, instance, launch, open, watch);
  }

  /** The same for a sandbox that has waited for its code, which is in it now. */
  async #handOver({ cell, folder }: TakenCell, fn: SettledFn, app: App | null, prepared: Prepared, watch: InstanceWatch) {
    const { world } = this.#parts;
    const launch = this.protocolOf(fn).launch(fn, {
      name: app?.name ?? null,
      namespace: app?.namespace,
      config: app?.config ?? {},
    });
    const instance = new Instance(cell.sandbox, 0, world, "prewarmed");
    cell.output = instance.output.bind(instance);
    instance.cores = cell.cores;
    instance.weigh(this.#shares.weightOf(fn) ?? cpuWeightOf(fn.memoryMiB));
    const env = { ...platformVariables(fn.egress), ...environment(launch, prepared) };
    const open: Open = (hooks, signal) => cell.session.load(fn, { folder, env }, hooks, signal);
    return await this.#ready(fn, instance, launch, open, watch);
  }

  async #ready(fn: Fn, instance: Instance, launch: Launch, open: Open, watch: InstanceWatch): Promise<Instance> {
    const { world } = this.#parts;
    const { sandbox } = instance;
    const beganAt = world.monotonic();
    const session = await this.#open(instance, launch, open, watch);
    instance.ready(session, world.monotonic() - beganAt);
    this.#shares.cores.watch(instance);
    void sandbox.exited.then(() => {
      instance.ended = true;
      // A program that serves one call answers by its end: its session ends once all it printed was read, however late that is.
      if (!this.protocolOf(fn).once) world.after(lastWordsMs, () => session.close());
      instance.flushOutput();
      watch.ended(instance);
    });
    return instance;
  }

  async #open(instance: Instance, { endpoint, loadMsMax = 0 }: Launch, open: Open, watch: InstanceWatch): Promise<Session> {
    const { world, config } = this.#parts;
    const timeoutMs = config.startTimeoutMs + loadMsMax;
    const limit = new AbortController();
    const stopClock = world.after(timeoutMs, () => limit.abort(startTimeout(timeoutMs, endpoint)));
    void instance.sandbox.exited.then(() => {
      world.after(lastWordsMs, () => limit.abort(endedEarly()));
    });
    try {
      const closed = () => void this.#end(instance);
      const hooks = { log: instance.log.bind(instance), closed };
      return await open(hooks, limit.signal);
    } catch (error) {
      const cause = asPlatformError(error);
      if (cause.details["ended"] === true) await ownExit(instance.sandbox, world);
      const exit = await instance.sandbox.stop();
      instance.flushOutput();
      const failure = instance.startFailure(cause, exit);
      watch.failed(instance.takeStartLines());
      throw failure;
    } finally {
      stopClock();
    }
  }

  /** Of a program that is frozen nobody else would notice that it is gone: what waits for its end is frozen too. */
  async #end(instance: Instance): Promise<void> {
    const { sandbox } = instance;
    await ownExit(sandbox, this.#parts.world);
    await instance.stop("failure");
  }

  #sizeOf(fn: Fn): Size {
    const { memoryMiB } = fn;
    return { memoryMiB, cpuWeight: this.#shares.weightOf(fn), cores: this.#shares.cores.ofNew(memoryMiB) };
  }

  #spec(fn: SettledFn, launch: Launch, prepared: Prepared, size: Size): Omit<SandboxSpec, "output"> {
    const { config } = this.#parts;
    return {
      id: `${fn.id.slice(-8).toLowerCase()}-${fn.revision}-${++this.#started}`,
      root: prepared.root,
      ...(prepared.image === undefined ? {} : { image: prepared.image }),
      code: prepared.code,
      codePlace: prepared.code === null ? undefined : launch.codePlace,
      // Where a kind's part of ours is no shim, every program of it has a use for it.
      ...(prepared.layers === undefined ? {} : { layers: prepared.layers }),
      runtime: launch.shim || prepared.shimCommand === null ? prepared.runtime : null,
      command: commandOf(fn, launch, prepared),
      workingFolder: prepared.workingFolder,
      writable: fn.source.type === "image" ? writableIn(launch, prepared) : undefined,
      user: prepared.user,
      ...(launch.localNames === undefined ? {} : { localNames: launch.localNames }),
      env: environment(launch, prepared),
      endpoint: launch.endpoint,
      outputMark: launch.outputMark,
      egress: fn.egress,
      limits: { ...limitsOf(config, size), openFilesMax: Math.max(config.openFilesMax, filesOf(launch)) },
    };
  }
}

/** What a program said last may be heard later than that it has ended: so long it is waited for, in ms. */
const lastWordsMs = 50;

/** Whether a cell connects to what the function does now; if it cannot, it is gone. */
async function restricted({ cell: { sandbox } }: TakenCell, { egress }: SettledFn): Promise<boolean> {
  if (typeof egress === "string") return true;
  try {
    await sandbox.restrict?.(egress);
    return true;
  } catch {
    await sandbox.stop();
    return false;
  }
}

/** Connections are open files: what leads to a program has two for each, and the program has some besides. */
function filesOf({ endpoint }: Launch): number {
  return endpoint.via === "tcp" ? 2 * (endpoint.connections ?? 1) + 256 : 0;
}

/** Not all of the root, of which there is one for everybody. */
function writableIn({ writable }: Launch, { workingFolder = "/" }: Prepared): readonly string[] | undefined {
  const folders = writable?.map((folder) => (folder === "." ? workingFolder : folder));
  return folders === undefined ? undefined : [...new Set(folders)].filter((folder) => folder !== "/");
}

/** How a session with a running program is had. */
type Open = (hooks: SessionHooks, signal: AbortSignal) => Promise<Session>;

function environment(launch: Launch, prepared: Prepared): Readonly<Record<string, string>> {
  return { PATH: prepared.path, HOME: "/tmp", ...prepared.env, ...launch.env };
}

function dial(sandbox: Sandbox, signal: AbortSignal) {
  return sandbox.connect(signal);
}

/** A kind without a shim of ours runs the function's own program, which then speaks the protocol itself. */
function commandOf(fn: Fn, launch: Launch, prepared: Prepared): readonly string[] {
  const shim = launch.shim ? prepared.shimCommand : null;
  const command = withMemory(shim ?? prepared.command(fn.protocol), prepared, fn.memoryMiB, launch.env);
  return launch.wrapper === undefined ? command : [...launch.wrapper, ...command];
}

function startTimeout(timeoutMs: number, endpoint: Launch["endpoint"]): PlatformError {
  const message = `The function was not ready within ${timeoutMs} ms of its start: ${missingOf(endpoint)}`;
  return new PlatformError("start_timeout", message);
}

/** What a program that is not ready in time did not do. */
function missingOf(endpoint: Launch["endpoint"]): string {
  switch (endpoint.via) {
    case "callback":
      return "its code was still being loaded";
    case "unix":
      return `nothing listened at ${endpoint.folder}/${endpoint.name}`;
    case "tcp":
      return `nothing listened on its port ${endpoint.port}`;
    case "loopback":
      return "it did not ask for its first call";
    case "stdio":
      return "it was not running yet";
  }
}

function endedEarly(): PlatformError {
  return new PlatformError("function_start_failed", "The function's process ended before it was ready", {
    details: { ended: true },
  });
}
