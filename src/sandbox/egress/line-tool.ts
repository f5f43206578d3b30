/**
 * A program that carries out the lines it is given one after the other, such as `ip -batch -` and `nft -i`: once started, asking
 * it costs no fork. After each question comes one whose answer is known, which is how we know that the first one was done.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { PlatformError } from "../../model/error.ts";

/** How to know that all that was asked before is done. */
export interface Marker {
  readonly ask: string;
  /** The first and the last line of the answer. */
  readonly begins: RegExp;
  readonly ends: RegExp;
}

export const ipMarker: Marker = { ask: "link show dev lo", begins: /^\d+: lo/, ends: /^\s+link\// };
export const nftMarker: Marker = { ask: "list table inet ready", begins: /^table inet ready/, ends: /^}/ };

/** The program; it ends with its STDIN, and so with this process. */
export class LineTool {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly #marker: Marker;
  readonly #waiting: { resolve: (said: string) => void; reject: (error: Error) => void }[] = [];
  #text = "";
  #said: string[] = [];
  #inMarker = false;

  /** `command` must send its errors to STDOUT. */
  constructor(command: readonly string[], path: string, marker: Marker) {
    this.#marker = marker;
    this.child = spawn(command[0] as string, command.slice(1), {
      cwd: "/",
      env: { PATH: path },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.ended = new Promise((resolve) => {
      this.child.once("error", () => resolve());
      this.child.once("close", () => resolve());
    });
    void this.ended.then(() => this.#fail());
    this.child.stdin?.on("error", () => {});
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#take(text));
  }

  /** Nothing is under way. */
  get idle(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves when the lines were carried out; rejects with `internal` and what the program said. */
  async tell(lines: string): Promise<void> {
    const said = await this.ask(lines);
    if (said !== "") {
      throw new PlatformError("internal", `The network of a sandbox could not be set up: ${said.slice(0, 500)}`);
    }
  }

  /** What the program says to the lines. Rejects with `internal` when it has ended. */
  async ask(lines: string): Promise<string> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) throw this.#over();
    return await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      (this.child.stdin as Writable).write(`${lines}\n${this.#marker.ask}\n`);
    });
  }

  async close(): Promise<void> {
    this.child.stdin?.end();
    await this.ended;
  }

  #take(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() as string;
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (this.#inMarker) {
      if (!this.#marker.ends.test(line)) return;
      this.#inMarker = false;
      this.#answered();
    } else if (this.#marker.begins.test(line)) this.#inMarker = true;
    else this.#said.push(line);
  }

  #answered(): void {
    const said = this.#said.join(" ").trim();
    this.#said = [];
    this.#waiting.shift()?.resolve(said);
  }

  #fail(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over());
  }

  #over(): PlatformError {
    const said = [...this.#said, this.#text].join(" ").trim().slice(0, 500);
    return new PlatformError("internal", `The program ${this.child.spawnfile} for the network of sandboxes has ended: ${said}`);
  }
}
