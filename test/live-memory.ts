/** What a server's memory really holds: resident memory alone says more of when the collector last ran than of leaks. */
import assert from "node:assert/strict";
import { Session } from "node:inspector";
import type { Platform } from "./platform.ts";

/** For `startPlatform`: the server can then be asked. */
export const inspectable = { NODE_OPTIONS: "--inspect=127.0.0.1:0" } as const;

/**
 * MiB that are in use after a collection of garbage: objects, and buffers outside the heap. Of the server itself, or of a front process by its
 * number, as long as none was started again.
 */
export async function liveMiB(platform: Platform, front = 0): Promise<number> {
  const address = platform.log().match(/ws:\/\/127\.0\.0\.1:\d+\/\S+/g)?.[front];
  assert.ok(address !== undefined, "the server was started to be inspected");
  const socket = new WebSocket(address);
  try {
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    // Once more: what a first collection lets go of may have held on to something else.
    for (let i = 0; i < 2; i++) await ask(socket, "HeapProfiler.collectGarbage");
    const expression = "(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())";
    const { result } = (await ask(socket, "Runtime.evaluate", { expression })) as { result: { value: number } };
    return Math.round((result.value / 1_048_576) * 10) / 10;
  } finally {
    socket.close();
  }
}

/** The same of the process of the test itself. */
export function ownLiveMiB(): number {
  const session = new Session();
  session.connect();
  session.post("HeapProfiler.collectGarbage");
  session.disconnect();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round(((heapUsed + external) / 1_048_576) * 10) / 10;
}

let asked = 0;

function ask(socket: WebSocket, method: string, params: object = {}): Promise<unknown> {
  const id = ++asked;
  return new Promise((resolve) => {
    const hear = (event: MessageEvent) => {
      const answer = JSON.parse(String(event.data)) as { id?: number; result?: unknown };
      if (answer.id !== id) return;
      socket.removeEventListener("message", hear);
      resolve(answer.result);
    };
    socket.addEventListener("message", hear);
    socket.send(JSON.stringify({ id, method, params }));
  });
}
