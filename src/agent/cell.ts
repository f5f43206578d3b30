import type { StemCellRule } from "../config/stem-cells.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Blank, Images, Prepared } from "../image/image.ts";
import type { BlankProtocol, BlankSession } from "../protocol/protocol.ts";
import type { Sandbox, SandboxDriver, SandboxLimits } from "../sandbox/sandbox.ts";
import { functionFolder } from "../sandbox/sandbox.ts";
import type { AgentConfig } from "./config.ts";
import type { Cores } from "./cores.ts";

/** What stem cells are made with. */
export interface CellParts {
  readonly world: World;
  readonly driver: SandboxDriver;
  readonly images: Pick<Images, "prepare"> & Partial<Pick<Images, "prepareBlank" | "layOut">>;
  readonly config: AgentConfig;
  /** Absent: they run on all processors. */
  readonly cores?: Pick<Cores, "ofNew"> | undefined;
}

/** What cells connect to. For a function with a list that is changed when it takes one. */
export const cellEgress = "internet";

/** A sandbox with a runtime in it and no code, until somebody takes it. It waits for input: there is nothing in it to be frozen. */
export class Cell {
  readonly sandbox: Sandbox;
  /** The processors it runs on; null: all. */
  readonly cores: readonly number[] | null;
  /** What it counts with against the agent's memory. */
  countedMiB: number;
  /** Hears what the sandbox prints past its runtime; nobody, while it is a cell. */
  output: (stream: "stdout" | "stderr", data: Buffer) => void = () => {};
  readonly session: BlankSession;
  readonly #blank: Blank;

  constructor(sandbox: Sandbox, session: BlankSession, blank: Blank, { memoryMiB, cores }: Size) {
    this.sandbox = sandbox;
    this.cores = cores ?? null;
    this.session = session;
    this.#blank = blank;
    this.countedMiB = memoryMiB;
  }

  get usable(): boolean {
    return this.session.usable;
  }

  /** The code's folder as the runtime sees it, with the code in it; null when it can't be had here, and nothing was done. Throws when the disk fails. */
  fill({ code }: Prepared): string | null {
    const { place } = this.#blank;
    if (code === null) return null;
    if (place === null) return code;
    return place.fill(code) ? functionFolder : null;
  }

  /** Asks what it holds now; unknown: as before. */
  async measure(): Promise<void> {
    const bytes = (await this.sandbox.memoryBytes?.()) ?? null;
    if (bytes !== null) this.countedMiB = Math.min(this.countedMiB, Math.max(1, Math.ceil(bytes / 1_048_576)));
  }
}

/** Makes one, exercised. Rejects when it can't be had; nothing is left of it then. Null: the kind has none. */
export async function makeCell(
  parts: CellParts,
  blankProtocol: BlankProtocol,
  rule: StemCellRule,
  id: string,
): Promise<Cell | null> {
  const { world, config } = parts;
  const blank = (await parts.images.prepareBlank?.(rule.kind)) ?? null;
  if (blank === null) return null;
  const size: Size = { memoryMiB: rule.memoryMiB, cpuWeight: 1, cores: parts.cores?.ofNew(rule.memoryMiB) };
  let cell: Cell | undefined;
  let sandbox: Sandbox;
  try {
    sandbox = await parts.driver.create({
      id,
      root: blank.root,
      code: blank.place?.folder ?? null,
      codePlace: blank.place === null ? undefined : blankProtocol.launch.codePlace,
      codeComesLater: true,
      runtime: blank.runtime,
      command: withMemory(blank.shimCommand, blank, rule.memoryMiB, {}),
      env: { PATH: blank.path, HOME: "/tmp", ...blank.env, ...blankProtocol.launch.env },
      endpoint: blankProtocol.launch.endpoint,
      egress: cellEgress,
      limits: limitsOf(config, size),
      output: (stream, data) => cell?.output(stream, data),
    });
  } catch (error) {
    await blank.place?.remove();
    throw error;
  }
  // The folder goes with whoever has it.
  void sandbox.exited.then(() => blank.place?.remove()).catch(() => {});
  const limit = new AbortController();
  const stopClock = world.after(config.startTimeoutMs, () => limit.abort(tooSlow(rule.kind, config.startTimeoutMs)));
  try {
    const session = await blankProtocol.open((signal) => sandbox.connect(signal), limit.signal);
    cell = new Cell(sandbox, session, blank, size);
    await cell.measure();
    return cell;
  } catch (error) {
    await sandbox.stop();
    throw error;
  } finally {
    stopClock();
  }
}

/** How big a sandbox is. */
export type Size = Pick<SandboxLimits, "memoryMiB" | "cpuWeight" | "cores">;

export function limitsOf(config: AgentConfig, size: Size): SandboxLimits {
  return {
    ...size,
    processesMax: config.processesMax,
    openFilesMax: config.openFilesMax,
    tmpMiB: Math.min(config.tmpMiB, size.memoryMiB),
    tmpFilesMax: config.tmpFilesMax,
  };
}

/** The command, its interpreter told of the memory if it is the one that runs our shim. */
export function withMemory(
  command: readonly string[],
  { shimCommand, memoryOptions, interpreter }: Pick<Prepared, "shimCommand" | "memoryOptions" | "interpreter">,
  memoryMiB: number,
  env: Readonly<Record<string, string>>,
): readonly string[] {
  const [program, ...args] = command;
  if (program === undefined || memoryOptions === undefined || program !== (interpreter ?? shimCommand?.[0])) return command;
  return [program, ...memoryOptions(memoryMiB, env), ...args];
}

function tooSlow(kind: string, timeoutMs: number): PlatformError {
  return new PlatformError("start_timeout", `A stem cell of ${kind} was not ready within ${timeoutMs} ms`);
}
