/** The client within the test's own process: what it prints, how it ends. */
import { runCli, type Sink } from "../../src/cli/cli.ts";
import { realWorld } from "../../src/lib/world.ts";

export interface PkOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** Hears what it prints, as it comes. */
  readonly heard?: (text: string) => void;
}

export interface PkEnded {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line. */
export async function pk(args: readonly string[], { cwd, env = {}, stdin = "", signal, heard }: PkOptions): Promise<PkEnded> {
  const [stdout, stderr] = [new Text(heard), new Text()];
  const code = await runCli(args, {
    stdin: source(stdin),
    stdout,
    stderr,
    cwd,
    env: { HOME: cwd, PATH: process.env["PATH"], ...env },
    world: realWorld(),
    interrupted: signal ?? new AbortController().signal,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Text implements Sink {
  text = "";
  readonly #heard: (text: string) => void;

  constructor(heard: (text: string) => void = () => {}) {
    this.#heard = heard;
  }

  write(data: string | Uint8Array): boolean {
    const text = typeof data === "string" ? data : Buffer.from(data).toString("utf8");
    this.text += text;
    this.#heard(text);
    return true;
  }
}

async function* source(text: string) {
  yield text;
}
