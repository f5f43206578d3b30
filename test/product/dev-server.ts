/** `polykiln dev` as a user has it: a process whose events are read. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The client's own program. */
export const client: readonly string[] = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  join(import.meta.dirname, "../../src/cli/main.ts"),
];

/** One event of `dev --json`. */
export interface DevEvent {
  readonly event: "ready" | "swapped" | "call" | "log";
  readonly url: string;
  readonly functions: readonly { readonly name: string; readonly url: string }[];
  readonly name: string;
  readonly text: string;
  readonly status: string;
  readonly start: string;
  readonly tookMs: number;
}

/** A running `dev`. */
export class Dev {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly events: DevEvent[] = [];
  stderr = "";

  constructor(folder: string, env: Readonly<Record<string, string>>, flags: readonly string[] = []) {
    const [program, ...args] = client;
    this.child = spawn(program as string, [...args, "dev", "--json", "--listen", "127.0.0.1:0", ...flags], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 300_000,
    });
    let text = "";
    this.child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.events.push(JSON.parse(line) as DevEvent);
    });
    this.child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      this.stderr += piece;
    });
    this.ended = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  /** Waits for something to come about. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      if (this.child.exitCode !== null) throw new Error(`dev ended with ${this.child.exitCode}: ${this.stderr}`);
      await sleep(5);
    }
  }

  event(kind: DevEvent["event"], matches: (event: DevEvent) => boolean = () => true): Promise<DevEvent> {
    return this.until(() => this.events.find((event) => event.event === kind && matches(event)));
  }

  /** Ctrl-C; its exit status. */
  stop(): Promise<number | null> {
    this.child.kill("SIGINT");
    return this.ended;
  }
}

/** POSTs until the answer is as wanted; milliseconds since `beganAt`. */
export async function untilServed(url: string, wanted: string, beganAt = performance.now()): Promise<number> {
  for (;;) {
    const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    if ((await response.text()).includes(wanted)) return performance.now() - beganAt;
    // Asking without a pause would take the processor away from what is waited for.
    await sleep(5);
  }
}
