import type { StemCellRule } from "../config/stem-cells.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Blank, Images, Prepared } from "../image/image.ts";
import type { BlankProtocol, BlankSession } from "../protocol/protocol.ts";
import type { Sandbox, SandboxDriver, SandboxLimits } from "../sandbox/sandbox.ts";
import { functionFolder } from "../sandbox/sandbox.ts";
import type { AgentConfig } from "./config.ts";

/** What stem cells are made with. */
export interface CellParts {
  readonly world: World;
  readonly driver: SandboxDriver;
  readonly images: Pick<Images, "prepare"> & Partial<Pick<Images, "prepareBlank">>;
  readonly config: AgentConfig;
}

/** What only functions with these settings find in a stem cell. */
export const cellEgress = "internet";

/** A sandbox with a runtime in it and no code, until somebody takes it. It waits for input: there is nothing in it to be frozen. */
export class Cell {
  readonly sandbox: Sandbox;
  /** What it counts with against the agent's memory. */
  countedMiB: number;
  /** Hears what the sandbox prints past its runtime; nobody, while it is a cell. */
  output: (stream: "stdout" | "stderr", data: Buffer) => void = () => {};
  readonly session: BlankSession;
  readonly #blank: Blank;

  constructor(sandbox: Sandbox, session: BlankSession, blank: Blank, countedMiB: number) {
    this.sandbox = sandbox;
    this.session = session;
    this.#blank = blank;
    this.countedMiB = countedMiB;
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
  let cell: Cell | undefined;
  let sandbox: Sandbox;
  try {
    sandbox = await parts.driver.create({
      id,
      root: blank.root,
      code: blank.place?.folder ?? null,
      runtime: blank.runtime,
      command: blank.shimCommand,
      env: { PATH: blank.path, HOME: "/tmp", ...blank.env, ...blankProtocol.launch.env },
      endpoint: blankProtocol.launch.endpoint,
      egress: cellEgress,
      limits: limitsOf(config, rule.memoryMiB, 1),
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
    cell = new Cell(sandbox, session, blank, rule.memoryMiB);
    await cell.measure();
    return cell;
  } catch (error) {
    await sandbox.stop();
    throw error;
  } finally {
    stopClock();
  }
}

/** The limits of a sandbox of this size. `cpuWeight` undefined: what its memory makes. */
export function limitsOf(config: AgentConfig, memoryMiB: number, cpuWeight: number | undefined): SandboxLimits {
  return {
    memoryMiB,
    cpuWeight,
    processesMax: config.processesMax,
    openFilesMax: config.openFilesMax,
    tmpMiB: Math.min(config.tmpMiB, memoryMiB),
    tmpFilesMax: config.tmpFilesMax,
  };
}

function tooSlow(kind: string, timeoutMs: number): PlatformError {
  return new PlatformError("start_timeout", `A stem cell of ${kind} was not ready within ${timeoutMs} ms`);
}
