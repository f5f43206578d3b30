/**
 * The bridge for many connections to a program that listens on TCP: one process for all of them, started inside of the sandbox by
 * `tools.ts`, which is why it imports nothing of ours. Its arguments: the port, and the socket that it makes once the port answers.
 */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** As many as the kernel lets wait; it takes less where `somaxconn` says so. */
const backlog = 4096;
/** Ports answer a moment after their program began. */
const retryMs = 10;
/** Connections to the program that are being made at a time: its own queue of them is short, and one more would wait for a second. */
const connectingMax = 64;

const [port, path] = [Number(process.argv[2]), process.argv[3] as string];
const waiting: Socket[] = [];
let connecting = 0;

while (!(await answers())) await sleep(retryMs);
createServer({ allowHalfOpen: true, pauseOnConnect: true }, take).listen({ path, backlog });

function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(port, "127.0.0.1", () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
}

function take(outer: Socket): void {
  outer.on("error", () => outer.destroy());
  waiting.push(outer);
  next();
}

function next(): void {
  while (connecting < connectingMax) {
    const outer = waiting.shift();
    if (outer === undefined) return;
    if (!outer.destroyed) join(outer);
  }
}

function join(outer: Socket): void {
  connecting++;
  const inner = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const settled = () => {
    inner.off("connect", settled);
    inner.off("close", settled);
    connecting--;
    next();
  };
  inner.on("connect", settled);
  inner.on("close", settled);
  inner.on("error", () => inner.destroy());
  inner.on("close", () => outer.destroy());
  outer.on("close", () => inner.destroy());
  outer.pipe(inner);
  inner.pipe(outer);
}
