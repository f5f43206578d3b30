/**
 * What every bench is: a question, a figure of ours, and a reference measured in the same run, interleaved with it. Ratios of
 * medians; absolute values only say on what machine it was.
 */
import { connect, type Socket } from "node:net";

/** A bench, as `bench/<name>.bench.ts` exports it. */
export interface Bench {
  readonly question: string;
  readonly unit: string;
  run(): Promise<{ readonly n: number; readonly checks: readonly Check[] }>;
}

export interface Check {
  readonly metric: string;
  readonly value: number;
  readonly reference: string;
  readonly referenceValue: number;
  readonly ratio: number;
  /** The ratio may not be above this, or below it where `bound` says so. */
  readonly target: number;
  readonly bound: "at most" | "at least";
  readonly ok: boolean;
}

/** One line of a bench's answer: less is better. */
export function compare(metric: string, value: number, reference: string, referenceValue: number, target: number): Check {
  return { ...checkOf(metric, value, reference, referenceValue), target, bound: "at most", ok: value / referenceValue <= target };
}

/** One line of a bench's answer: more is better. */
export function atLeast(metric: string, value: number, reference: string, referenceValue: number, target: number): Check {
  return {
    ...checkOf(metric, value, reference, referenceValue),
    target,
    bound: "at least",
    ok: value / referenceValue >= target,
  };
}

function checkOf(metric: string, value: number, reference: string, referenceValue: number) {
  return { metric, value: round(value), reference, referenceValue: round(referenceValue), ratio: round(value / referenceValue) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

const round = (value: number) => Math.round(value * 1000) / 1000;

/** One keep-alive connection that sends one request at a time, with as little of a client's own work as possible. */
export class RawClient {
  readonly #socket: Socket;
  #answer: { resolve(text: string): void; reject(error: Error): void } | undefined;
  #text = "";
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => this.#read(chunk));
    socket.on("close", () => {
      this.#closed = true;
      this.#answer?.reject(closedError());
    });
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawClient(socket);
  }

  /** Sends a request, resolves with the whole answer. */
  call(request: string): Promise<string> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#socket.write(request, "latin1");
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head === -1 || !this.#isWhole(head)) return;
    const text = this.#text;
    this.#text = "";
    this.#answer?.resolve(text);
    this.#answer = undefined;
  }

  #isWhole(head: number): boolean {
    const length = /content-length: *(\d+)/i.exec(this.#text.slice(0, head));
    if (length !== null) return this.#text.length >= head + 4 + Number(length[1]);
    return this.#text.endsWith("0\r\n\r\n");
  }
}

function closedError(): Error {
  return new Error("The server closed the connection");
}

/** The p50 of `count` calls on one connection, in ms. */
export async function medianLatencyMs(client: RawClient, request: string, count: number, status = "200"): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const beganAt = performance.now();
    const answer = await client.call(request);
    times.push(performance.now() - beganAt);
    if (answer.slice(9, 12) !== status) throw new Error(`Unexpected answer: ${answer.slice(0, 200)}`);
  }
  return median(times);
}
