/** Starts of plain processes: what a handler costs without a platform. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment } from "../../test/platform.ts";

const hello = join(import.meta.dirname, "../../examples/hello-node/index.js");

/** Loads the handler, calls it and prints the answer. */
const program = `Promise.resolve(require(${JSON.stringify(hello)}).handler({}, {})).then((answer) => process.stdout.write(JSON.stringify(answer)))`;

/** From spawn to the first byte of the handler's answer. */
export function plainNodeStart(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"], env: cleanEnvironment });
    child.stdout.once("data", () => resolve());
    child.once("error", reject);
  });
}

/** From spawn to the first answer of a program that connects to the unix socket named last and answers a line of JSON with another. */
export async function answersOverSocket(command: string, args: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "kiln-plain-"));
  const path = join(folder, "socket");
  const answered = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.write("{}\n");
    socket.once("data", () => answered.resolve());
    socket.on("error", answered.reject);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const child = spawn(command, [...args, path], { stdio: ["ignore", "ignore", "inherit"], env: cleanEnvironment });
  child.once("error", answered.reject);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.once("exit", (code) => answered.reject(new Error(`${command} ended with ${code} before it answered`)));
  try {
    await answered.promise;
  } finally {
    // Its end is waited for later, so that it is no part of what was measured.
    child.kill("SIGKILL");
    void ended.then(() => rmSync(folder, { recursive: true, force: true }));
    server.close();
  }
}

export async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await work();
  return performance.now() - beganAt;
}
