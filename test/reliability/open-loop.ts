/**
 * Sends calls at a fixed rate whatever becomes of them, over connections that stay open, from a process of its own: as a client that does
 * not care how busy the server is. `node test/reliability/open-loop.ts` with a `LoadOrder` as JSON prints a `LoadResult` as JSON.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import { cleanEnvironment, firstLine } from "../platform.ts";

export interface LoadOrder {
  readonly port: number;
  readonly path: string;
  readonly perSecond: number;
  readonly seconds: number;
  /** Calls on their way at most; those that would be more are not sent, and counted. */
  readonly underwayMax: number;
  /** Answers of the first seconds are not counted. */
  readonly warmupSeconds?: number;
}

export interface LoadResult {
  readonly statuses: Readonly<Record<string, number>>;
  /** Calls that were due and not sent. */
  readonly unsent: number;
  /** Of answers with 200, from when each was due, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Answers with 200 a second. */
  readonly goodPerSecond: number;
  /** The generator's own part of one processor, in percent. */
  readonly cpuPercent: number;
}

export interface Load {
  readonly result: Promise<LoadResult>;
  stop(): void;
}

/** Starts a generator. It ends by itself. */
export function startLoad(order: LoadOrder): Load {
  const child: ChildProcess = spawn(process.execPath, [import.meta.filename, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment,
    timeout: (order.seconds + 60) * 1000,
  });
  const result = firstLine(child).then((line) => JSON.parse(line) as LoadResult);
  return { result, stop: () => child.kill("SIGKILL") };
}

const tickMs = 2;

class Generator {
  readonly #order: LoadOrder;
  readonly #head: string;
  readonly #idle: Socket[] = [];
  readonly #statuses = new Map<string, number>();
  readonly #goodMs: number[] = [];
  #underway = 0;
  #unsent = 0;
  #counting = false;

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#head = `POST ${order.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}`;
  }

  async run(): Promise<LoadResult> {
    const { perSecond, seconds, warmupSeconds = 0 } = this.#order;
    const beganAt = performance.now();
    const cpu = process.cpuUsage();
    let sent = 0;
    while (sent < seconds * perSecond) {
      const now = performance.now();
      this.#counting = now - beganAt >= warmupSeconds * 1000;
      for (; sent < Math.min(seconds, (now - beganAt) / 1000) * perSecond; sent++) {
        this.#send(beganAt + (sent / perSecond) * 1000);
      }
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    const { user, system } = process.cpuUsage(cpu);
    const tookMs = performance.now() - beganAt;
    await this.#drain(5000);
    const sorted = this.#goodMs.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
    return {
      statuses: Object.fromEntries(this.#statuses),
      unsent: this.#unsent,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      goodPerSecond: sorted.length / (seconds - warmupSeconds),
      cpuPercent: (user + system) / 10 / tookMs,
    };
  }

  #send(dueAt: number): void {
    if (this.#underway >= this.#order.underwayMax) {
      this.#unsent++;
      return;
    }
    this.#underway++;
    const socket = this.#idle.pop() ?? this.#open();
    (socket as Socket & { asked?: Asked }).asked = { dueAt, counted: this.#counting };
    socket.write(this.#head);
  }

  #open(): Socket {
    const socket: Socket & { asked?: Asked } = connect(this.#order.port, "127.0.0.1").setNoDelay();
    let text = "";
    const over = (status: string) => {
      const { asked } = socket;
      delete socket.asked;
      text = "";
      if (asked === undefined) return;
      this.#underway--;
      if (!asked.counted) return;
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
      if (status === "200") this.#goodMs.push(performance.now() - asked.dueAt);
    };
    socket.setEncoding("latin1").on("data", (data: string) => {
      text += data;
      const status = statusOfWhole(text);
      if (status === null) return;
      const closes = /\r\nconnection: close/i.test(text);
      over(status);
      if (!closes) this.#idle.push(socket);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      over("closed");
      const at = this.#idle.indexOf(socket);
      if (at !== -1) this.#idle.splice(at, 1);
    });
    return socket;
  }

  async #drain(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.#underway > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Asked {
  readonly dueAt: number;
  readonly counted: boolean;
}

/** Null while something is missing; answers here have a length. */
function statusOfWhole(text: string): string | null {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd === -1) return null;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd));
  return text.length >= headEnd + 4 + Number(length?.[1] ?? 0) ? text.slice(9, 12) : null;
}

if (process.argv[1] === import.meta.filename) {
  const result = await new Generator(JSON.parse(process.argv[2] ?? "") as LoadOrder).run();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
