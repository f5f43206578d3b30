import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { realWorld } from "../../lib/world.ts";
import type { PlatformError } from "../../model/error.ts";
import { UnixDialler } from "./unix.ts";

const never = new AbortController().signal;

const folder = mkdtempSync(join(tmpdir(), "unix-test-"));
after(() => rmSync(folder, { recursive: true }));

/** A program that says its name on each connection. */
async function listen(path: string, name: string, backlog = 511): Promise<{ stop(): Promise<void> }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(name);
  }).listen({ path, backlog });
  await once(server, "listening");
  return {
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function reached(dialler: UnixDialler): Promise<string> {
  const socket = await dialler.connect(AbortSignal.timeout(10_000), never);
  const [said] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return said.toString();
}

test("the next connections go to the socket that was found, whatever its name leads to by then", async () => {
  const dialler = new UnixDialler(folder, "link", realWorld());
  const first = await listen(join(folder, "first"), "first");
  symlinkSync("first", join(folder, "link"));
  assert.equal(await reached(dialler), "first");
  rmSync(join(folder, "link"));
  const other = await listen(join(folder, "other"), "other");
  symlinkSync("other", join(folder, "link"));
  assert.equal(await reached(dialler), "first");
  await first.stop();
  assert.equal(await reached(dialler), "other", "nobody listened there any more");
  await other.stop();
  rmSync(join(folder, "link"));
  symlinkSync("/dev/null", join(folder, "link"));
  await assert.rejects(reached(dialler), (error: PlatformError) => error.code === "function_protocol");
  dialler.close();
});

test("more connections at once than the program queues are all made", async () => {
  const program = await listen(join(folder, "short"), "there", 2);
  const dialler = new UnixDialler(folder, "short", realWorld());
  const said = await Promise.all(Array.from({ length: 300 }, () => reached(dialler)));
  assert.deepEqual([...new Set(said)], ["there"]);
  dialler.close();
  await program.stop();
});

test("whoever is called off in the line holds up nobody", async () => {
  const dialler = new UnixDialler(folder, "late", realWorld());
  const early = new AbortController();
  const calledOff = Array.from({ length: 100 }, () => dialler.connect(early.signal, never));
  const waiting = reached(dialler);
  early.abort(new Error("called off"));
  for (const each of await Promise.allSettled(calledOff)) assert.match(String(each.status), /rejected/);
  const program = await listen(join(folder, "late"), "there");
  assert.equal(await waiting, "there");
  dialler.close();
  await program.stop();
});

/**
 * Its first connection finds the socket; then it opens as many files as it may, and closes one when its second attempt has begun. The
 * dialler's own timers keep no process alive, so it has one that does.
 */
const shortOfFiles = (unix: string, world: string) => `
import { closeSync, openSync } from "node:fs";
import { UnixDialler } from ${JSON.stringify(unix)};
import { realWorld } from ${JSON.stringify(world)};
const dialler = new UnixDialler(process.argv[1], "plenty", realWorld());
const signal = AbortSignal.timeout(20_000);
setInterval(() => {}, 1000);
(await dialler.connect(signal, signal)).destroy();
await new Promise((resolve) => setTimeout(resolve, 50));
const files = [];
try { for (;;) files.push(openSync("/dev/null")); } catch {}
const second = dialler.connect(signal, signal);
setTimeout(() => closeSync(files.pop()), 100);
(await second).destroy();
console.log(files.length > 10 ? "connected" : "there was no limit");
process.exit(0);
`;

test("a server that has as many files open as it may waits for one", async (t) => {
  const program = await listen(join(folder, "plenty"), "plenty");
  t.after(() => program.stop());
  const script = shortOfFiles(import.meta.resolve("./unix.ts"), import.meta.resolve("../../lib/world.ts"));
  const args = ["-c", 'ulimit -n 128; exec "$0" "$@"', process.execPath, "--input-type=module", "-e", script, folder];
  const { stdout } = await promisify(execFile)("sh", args, { timeout: 30_000 });
  assert.equal(stdout, "connected\n");
});
