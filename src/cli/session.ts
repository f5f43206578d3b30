import { resolve } from "node:path";
import type { Surroundings } from "./cli.ts";
import { Client } from "./client.ts";
import { resolveServer, type Server } from "./connection.ts";
import { usage } from "./failure.ts";
import { Output, type Format } from "./output.ts";
import { painter, type Paint } from "./terminal.ts";

/** Flags of every command, as they were given. */
export interface GlobalFlags {
  readonly apiUrl?: string;
  readonly auth?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly cwd?: string;
  readonly envFile?: string;
  readonly output?: Format;
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly color?: boolean;
}

/** One command under way: where it runs, whom it talks to, how it prints. */
export class Session {
  readonly flags: GlobalFlags;
  readonly around: Surroundings;
  /** Where the command works. */
  readonly folder: string;
  readonly out: Output;
  /** Colours for stderr. */
  readonly paint: Paint;
  #client: Client | undefined;
  #server: Server | undefined;

  constructor(flags: GlobalFlags, around: Surroundings) {
    this.flags = flags;
    this.around = around;
    this.folder = resolve(around.cwd, flags.cwd ?? ".");
    this.out = new Output(
      around.stdout,
      flags.json === true ? "json" : (flags.output ?? "table"),
      painter(around.stdout, around.env, flags.color),
    );
    this.paint = painter(around.stderr, around.env, flags.color);
  }

  /** Where requests go and how it was found. */
  get server(): Server {
    this.#server ??= resolveServer(this.flags, this.around.env, this.folder);
    return this.#server;
  }

  get client(): Client {
    this.#client ??= this.clientOf(this.server);
    return this.#client;
  }

  clientOf(server: Pick<Server, "url" | "auth" | "fallbackKeyFile">): Client {
    const debug =
      this.flags.debug === true ? (line: string) => this.around.stderr.write(`${this.paint("dim", line)}\n`) : undefined;
    return new Client({ ...server, world: this.around.world, interrupted: this.around.interrupted, debug });
  }

  get namespace(): string {
    return this.flags.namespace ?? this.server.namespace ?? "guest";
  }

  /** Path of the namespace in the API. */
  get home(): string {
    return `/kiln/v1/namespaces/${encodeURIComponent(this.namespace)}`;
  }

  /** Talk: progress, hints, what was done. */
  say(text: string): void {
    if (this.flags.quiet !== true) this.around.stderr.write(`${text}\n`);
  }

  /** Asks before something is lost. Without a terminal, or with CI set, only `--yes` answers. */
  async confirm(question: string): Promise<boolean> {
    if (this.flags.yes === true) return true;
    if (!this.canAsk) throw usage(`${question} Nobody is here to answer`, "add --yes");
    const { confirm, isCancel } = await import("@clack/prompts");
    const answer = await confirm({ message: question, initialValue: false });
    return !isCancel(answer) && answer;
  }

  /** Whether a person can be asked. */
  get canAsk(): boolean {
    const { stdin, stderr, env } = this.around;
    return stdin.isTTY === true && stderr.isTTY === true && (env["CI"] ?? "") === "";
  }
}
