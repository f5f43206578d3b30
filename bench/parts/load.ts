/**
 * Calls over connections that stay open, each sending its next call when the last one is answered, from a process of its own that costs
 * little: one buffer for each connection, and of an answer as long as the one before only status and length are looked at.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { cleanEnvironment } from "../../test/platform.ts";

export interface LoadOrder {
  readonly port: number;
  /** Of each call one, by chance; where each connection calls once, in turn. */
  readonly paths: readonly string[];
  readonly connections: number;
  /** JSON. (Default: an empty object) */
  readonly body?: string;
  /** Lines of the head besides, such as `Authorization: …`. (Default: none) */
  readonly headers?: readonly string[];
  /** How long calls begin, in ms; 0: each connection calls once, all at the same time, when the last one is open. */
  readonly forMs: number;
  /** Answers that are not 200 end nothing: they are counted apart. (Default: false) */
  readonly mayFail?: boolean;
}

export interface LoadResult {
  /** Answered with 200. */
  readonly calls: number;
  readonly failures: number;
  /** From the first call to the last answer. */
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A generator that waits for orders. It ends with `stop`, or with its parent. */
export class Load {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    this.#child = spawn(process.execPath, [import.meta.filename], {
      stdio: ["pipe", "pipe", "inherit"],
      env: cleanEnvironment,
    });
    const input = this.#child.stdout;
    if (input === null) throw new Error("The load generator has no output");
    this.#answers = createInterface({ input })[Symbol.asyncIterator]();
  }

  /** Rejects when an answer is not 200, unless that may be. */
  async run(order: LoadOrder): Promise<LoadResult> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value } = await this.#answers.next();
    const result = JSON.parse(value ?? '{"error":"The load generator ended"}') as LoadResult | { readonly error: string };
    if ("error" in result) throw new Error(result.error);
    return result;
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

const bufferBytes = 4096;
/** Connections that are being opened at a time: a server's backlog is not endless. */
const openingMax = 256;
const latenciesMax = 2_000_000;
const waitMsMax = 120_000;

/** What the connections of one order share. */
class Run {
  readonly order: LoadOrder;
  readonly requests: readonly Buffer[];
  readonly #latencies: Float64Array;
  readonly #done = Promise.withResolvers<void>();
  #calls = 0;
  #failures = 0;
  #open: number;
  #beganAt = 0;
  #endsAt = 0;

  constructor(order: LoadOrder) {
    this.order = order;
    this.#open = order.connections;
    const body = order.body ?? "{}";
    const own = ["Host: 127.0.0.1", "Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`];
    const lines = [...own, ...(order.headers ?? [])].join("\r\n");
    this.requests = order.paths.map((path) => Buffer.from(`POST ${path} HTTP/1.1\r\n${lines}\r\n\r\n${body}`));
    this.#latencies = new Float64Array(order.forMs === 0 ? order.connections : latenciesMax);
  }

  async run(): Promise<LoadResult> {
    const lines: Line[] = [];
    const timer = setTimeout(() => this.fail(new Error(`No end after ${waitMsMax} ms`)), this.order.forMs + waitMsMax);
    try {
      while (lines.length < this.order.connections) {
        const more = Array.from({ length: Math.min(openingMax, this.order.connections - lines.length) }, () => new Line(this));
        lines.push(...more);
        await Promise.race([Promise.all(more.map((line) => line.opened)), this.#done.promise]);
      }
      this.#beganAt = performance.now();
      this.#endsAt = this.#beganAt + this.order.forMs;
      for (const [index, line] of lines.entries()) line.send(this.order.forMs === 0 ? index % this.requests.length : undefined);
      await this.#done.promise;
      return this.#result(performance.now() - this.#beganAt);
    } finally {
      clearTimeout(timer);
      for (const line of lines) line.close();
    }
  }

  /** One more answer; whether another call follows on this connection. */
  answered(sentAt: number): boolean {
    const now = performance.now();
    if (this.#calls < this.#latencies.length) this.#latencies[this.#calls] = now - sentAt;
    this.#calls++;
    if (now < this.#endsAt) return true;
    if (--this.#open === 0) this.#done.resolve();
    return false;
  }

  /** An answer that is not 200: what it said so far. */
  failed(text: string): void {
    if (this.order.mayFail !== true) return this.fail(new Error(`Unexpected answer: ${text.slice(0, 500)}`));
    // It is answered all the same, and taken back from those that were.
    this.#calls--;
    this.#failures++;
  }

  fail(error: Error): void {
    this.#done.reject(error);
  }

  #result(tookMs: number): LoadResult {
    const sorted = this.#latencies.subarray(0, Math.min(this.#calls, this.#latencies.length)).toSorted();
    const at = (part: number) => sorted[Math.floor(sorted.length * part)] as number;
    return { calls: this.#calls, failures: this.#failures, tookMs, p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}

/** One connection. */
class Line {
  readonly opened: Promise<void>;
  readonly #run: Run;
  readonly #socket: Socket;
  /** Length of the last whole answer. */
  #knownBytes = 0;
  /** What has come of an answer that did not come whole. */
  #text = "";
  #sentAt = 0;
  #over = false;

  constructor(run: Run) {
    this.#run = run;
    const callback = (bytes: number, buffer: Uint8Array) => {
      this.#read(bytes, buffer as Buffer);
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafeSlow(bufferBytes), callback };
    this.#socket = connect({ host: "127.0.0.1", port: run.order.port, noDelay: true, onread });
    this.opened = new Promise((resolve) => this.#socket.once("connect", () => resolve()));
    this.#socket.on("error", (error) => run.fail(error));
    this.#socket.on("close", () => {
      if (!this.#over) run.fail(new Error(`The server closed the connection; it had said ${this.#text.slice(0, 300)}`));
    });
  }

  send(chosen = this.#run.requests.length === 1 ? 0 : Math.floor(Math.random() * this.#run.requests.length)): void {
    const { requests } = this.#run;
    this.#sentAt = performance.now();
    this.#socket.write(requests[chosen] as Buffer);
  }

  close(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #read(bytes: number, buffer: Buffer): void {
    // 200, as in "HTTP/1.1 200".
    const isKnown = this.#text === "" && bytes === this.#knownBytes && buffer[9] === 0x32 && buffer[11] === 0x30;
    if (!isKnown && !this.#isWhole(buffer.toString("latin1", 0, bytes))) return;
    if (this.#run.answered(this.#sentAt)) this.send();
    else this.#over = true;
  }

  #isWhole(text: string): boolean {
    this.#text += text;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head === -1) return false;
    const length = /content-length: *(\d+)/i.exec(this.#text.slice(0, head))?.[1];
    const whole = length === undefined ? this.#text.endsWith("0\r\n\r\n") : this.#text.length >= head + 4 + Number(length);
    if (!whole) return false;
    const isGood = this.#text.slice(9, 12) === "200";
    if (!isGood) this.#run.failed(this.#text);
    this.#knownBytes = isGood ? this.#text.length : 0;
    this.#text = "";
    return true;
  }
}

if (process.argv[1] === import.meta.filename) {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await new Run(JSON.parse(line) as LoadOrder).run().catch((error: Error) => ({ error: error.message }));
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  process.exit(0);
}
