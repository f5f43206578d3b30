/**
 * The client: turns `polykiln NOUN VERB` into requests to a server's REST API (`/kiln/v1`) and prints what came back.
 *
 * Promises: stdout is data and stderr is talk; the exit status says what kind of end it was (`failure.ts`); every failure says
 * what, where, why and the fix; nothing colours or moves without a terminal; a command loads only what it needs. It knows servers
 * by HTTP alone, also the one that `dev` starts. Deliberately absent: any decision of the platform, and prompts without a flag
 * that answers them.
 */
import type { Command } from "commander";
import type { World } from "../lib/world.ts";
import { exits } from "./failure.ts";

/** What a command writes to; a stream of Node's is one. */
export interface Sink {
  write(data: string | Uint8Array): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command reads from. */
export type Source = AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };

/** Where a command runs: everything of the process that it may touch. */
export interface Surroundings {
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly world: World;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly interrupted: AbortSignal;
}

/** What a command's module exports: adds the command, with what it takes and does, to the program. */
export interface CommandModule {
  register(program: Command, run: Run): void;
}

/** Wraps the work of a verb: makes its session from the flags and turns failures into text and an exit status. */
export type Run = <Args extends unknown[]>(
  work: (session: import("./session.ts").Session, ...args: Args) => Promise<number | undefined>,
) => (...args: Args) => Promise<void>;

/** Runs one command line, without the program's name; the exit status. */
export async function runCli(args: readonly string[], around: Surroundings): Promise<number> {
  const { buildProgram } = await import("./program.ts");
  const state = { exit: exits.ok as number };
  const program = await buildProgram(args, around, state);
  await program.parse();
  return state.exit;
}
