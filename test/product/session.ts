/**
 * The tutorial as a terminal session: runs its commands in their order and compares what they print. `node test/product/session.ts`
 * prints the session as it really went, with times.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment } from "../platform.ts";
import { client } from "./dev-server.ts";

/** A fenced block of the tutorial. */
interface Block {
  readonly language: string;
  readonly attributes: string;
  readonly text: string;
}

const deadlineMs = 120_000;

/** Runs a tutorial; throws where it goes otherwise than written. `hear` is told the session as it goes. */
export async function runSession(file: string, hear: (text: string) => void = () => {}): Promise<void> {
  const session = new TerminalSession(hear);
  try {
    for (const block of blocksOf(readFileSync(file, "utf8"))) await session.block(block);
    await session.checkBackground();
  } finally {
    await session.close();
  }
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] as string,
    attributes: match[2] as string,
    text: match[3] as string,
  }));
}

interface Background {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly expected: string;
  said: string;
}

class TerminalSession {
  readonly #home = mkdtempSync(join(tmpdir(), "kiln-session-"));
  readonly #env: Record<string, string>;
  readonly #hear: (text: string) => void;
  readonly #background: Background[] = [];
  /** Ports as they are written, to those that were free. */
  readonly #ports = new Map<string, string>();
  readonly #beganAt = performance.now();
  #cwd: string;

  constructor(hear: (text: string) => void) {
    chmodSync(this.#home, 0o711);
    this.#cwd = join(this.#home, "work");
    const programs = join(this.#home, "bin");
    for (const folder of [this.#cwd, programs]) mkdirSync(folder);
    const words = client.map((word) => `'${word}'`).join(" ");
    const options = { mode: 0o755 };
    writeFileSync(join(programs, "polykiln"), `#!/bin/sh\nexec ${words} "$@"\n`, options);
    writeFileSync(join(programs, "npx"), `#!/bin/sh\nexec "$@"\n`, options);
    this.#env = {
      ...cleanEnvironment,
      PATH: `${programs}:${cleanEnvironment["PATH"]}`,
      XDG_DATA_HOME: join(this.#home, "data"),
      XDG_CONFIG_HOME: join(this.#home, "config"),
      POLYKILN_LISTEN: "127.0.0.1:0",
    };
    this.#hear = hear;
  }

  async block({ language, attributes, text }: Block): Promise<void> {
    const file = /file=(\S+)/.exec(attributes)?.[1];
    if (file !== undefined) await this.#write(file, text);
    else if (language === "console" && attributes === "background") await this.#start(text);
    else if (language === "console") for (const part of text.split(/^(?=\$ )/m)) await this.#command(part);
  }

  /** What runs in the background has said what it should. */
  async checkBackground(): Promise<void> {
    for (const running of this.#background)
      await this.#until(
        () => matches(this.#shown(running.said), running.expected),
        () => running.said,
      );
  }

  async close(): Promise<void> {
    for (const { child } of this.#background.toReversed()) child.kill("SIGINT");
    await Promise.all(this.#background.map(({ ended }) => ended));
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #write(file: string, text: string): Promise<void> {
    const dev = this.#background[0];
    const swaps = () => (dev?.said.match(/^swapped /gm) ?? []).length;
    const before = swaps();
    this.#tell(`(saved ${file})`);
    writeFileSync(join(this.#cwd, file), text);
    if (dev !== undefined)
      await this.#until(
        () => swaps() > before,
        () => dev.said,
      );
  }

  async #command(part: string): Promise<void> {
    const [first = "", ...rest] = part.split("\n");
    const command = first.slice(2);
    const expected = rest.join("\n");
    this.#tell(first);
    if (command.startsWith("cd ")) this.#cwd = resolve(this.#cwd, command.slice(3));
    else {
      const said = this.#shown(await this.#run(command));
      this.#hear(said);
      assert.ok(matches(said, expected), `${first}\n--- said\n${said}\n--- expected\n${expected}`);
    }
  }

  async #run(command: string): Promise<string> {
    const { child, ended } = this.#spawn(command);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text: string) => (said += text));
    await ended;
    return said;
  }

  async #start(text: string): Promise<void> {
    const [first = "", ...rest] = text.split("\n");
    this.#tell(`${first}   (in the background)`);
    const running: Background = { ...this.#spawn(first.slice(2)), expected: rest.join("\n"), said: "" };
    for (const stream of [running.child.stdout, running.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (piece: string) => {
        running.said += piece;
        this.#hear(piece);
      });
    }
    this.#background.push(running);
    const served = /http:\/\/127\.0\.0\.1:(\d+)/.exec(running.expected)?.[1];
    if (served === undefined) return;
    await this.#until(
      () => {
        const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(running.said)?.[1];
        if (port !== undefined) this.#ports.set(served, port);
        return port !== undefined;
      },
      () => running.said,
    );
    await this.#until(
      () => matches(this.#shown(running.said), running.expected),
      () => running.said,
    );
  }

  #spawn(command: string): { child: ChildProcess; ended: Promise<unknown> } {
    const text = command
      .replace(/(--listen 127\.0\.0\.1:)\d+/, "$10")
      .replace(/(127\.0\.0\.1:)(\d+)/g, (whole, host: string, port: string) =>
        this.#ports.has(port) ? host + this.#ports.get(port) : whole,
      );
    const child = spawn("sh", ["-c", `exec ${text}`], {
      cwd: this.#cwd,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: deadlineMs * 2,
    });
    return { child, ended: new Promise((done) => child.once("close", done)) };
  }

  /** With the ports as they are written. */
  #shown(said: string): string {
    let text = said;
    for (const [written, real] of this.#ports) text = text.replaceAll(`127.0.0.1:${real}`, `127.0.0.1:${written}`);
    return text;
  }

  async #until(look: () => boolean, said: () => string): Promise<void> {
    const giveUpAt = performance.now() + deadlineMs;
    while (!look()) {
      assert.ok(performance.now() < giveUpAt, `It did not come about; said so far:\n${said()}`);
      await sleep(20);
    }
  }

  #tell(text: string): void {
    this.#hear(`[${((performance.now() - this.#beganAt) / 1000).toFixed(1)} s] ${text}\n`);
  }
}

/** `…` stands for anything; what is written is a beginning. */
function matches(said: string, expected: string): boolean {
  const pattern = expected
    .trim()
    .split("…")
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[\\s\\S]*?");
  return new RegExp(`^${pattern}`).test(said.trim());
}

if (import.meta.main)
  await runSession(join(import.meta.dirname, "../../docs/tutorial.md"), (text) =>
    process.stdout.write(text.endsWith("\n") ? text : `${text}\n`),
  );
