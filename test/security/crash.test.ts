/** Sudden ends: of the server, of the spawner, of both. Nothing may go on running or stay behind. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readdirSync, rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { realWorld } from "../../src/lib/world.ts";
import { type InstanceState, readState, sweep } from "../../src/sandbox/spawner/state.ts";
import { Box, cannotIsolate, readOr, soon } from "./box.ts";
import type { ServerOrder } from "./server.ts";

/** No longer running: gone, or dead and not yet collected by its new parent, the machine's first process, in its own time. */
function hasEnded(pid: number): boolean {
  return /^(|\d+ \(.*\) Z .*)$/s.test(readOr(`/proc/${pid}/stat`));
}

describe("crash", { skip: cannotIsolate, timeout: 240_000 }, () => {
  let box: Box;
  let number = 0;
  before(() => {
    box = new Box();
  });
  after(() => box.close());

  /** A server with a sandbox that runs, one that is frozen, and one that has left a daemon. */
  async function startServer(
    extraDescriptor: "ignore" | number = "ignore",
  ): Promise<{ server: ChildProcess; state: InstanceState; stateFile: string }> {
    number += 1;
    const stateFile = `${box.folder}/server-${number}.json`;
    const { code } = box.spec("python3", `import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(600)`);
    const run = { command: ["python3", "/function/main.txt"], endpoint: { via: "callback" }, pause: false } as const;
    const order: ServerOrder = {
      driver: "bubblewrap",
      stateFile,
      root: box.root,
      code: code as string,
      sandboxes: [run, { ...run, pause: true }, { ...run, endpoint: { via: "unix", folder: "/tmp/io", name: "s" } }],
      untilEnded: false,
    };
    const main = fileURLToPath(new URL("server.ts", import.meta.url));
    const server = spawn(process.execPath, [main, JSON.stringify(order)], {
      stdio: ["ignore", "pipe", "inherit", extraDescriptor],
    });
    await once(server.stdout as NodeJS.ReadableStream, "data");
    return { server, state: readState(stateFile) as InstanceState, stateFile };
  }

  test("the server is killed: all is gone soon", async () => {
    const { server, state, stateFile } = await startServer();
    assertRunning(state);
    const spawner = childrenOf(server.pid as number);
    server.kill("SIGKILL");
    await assertNothingLeft(state);
    await soon("the spawner is gone", () => spawner.every(hasEnded));
    await soon("the state file is gone", () => !existsSync(stateFile));
  });

  test("the server and its spawner are killed: the next server removes what they left", async () => {
    const { server, state, stateFile } = await startServer();
    assert.deepEqual(await sweep(stateFile, realWorld()), [], "a living instance is left alone");
    assertRunning(state);
    const spawner = childrenOf(server.pid as number);
    for (const pid of [...spawner, server.pid as number]) process.kill(pid, "SIGKILL");
    await soon("the server is gone", () => hasEnded(server.pid as number));
    assert.deepEqual(await sweep(stateFile, realWorld()), []);
    await assertNothingLeft(state);
    assert.equal(existsSync(stateFile), false);
    assert.deepEqual(await sweep(stateFile, realWorld()), [], "sweeping twice is nothing");
  });

  test("both are killed and what tells of them is gone: any server that starts removes their control groups", async () => {
    const { server, state, stateFile } = await startServer();
    for (const pid of [...childrenOf(server.pid as number), server.pid as number]) process.kill(pid, "SIGKILL");
    rmSync(stateFile);
    await soon("the sandboxes have ended", () => endProcesses(state) === 0);
    const living = await startServer();
    await soon("the control groups are gone", () => state.cgroupFolders.every((folder) => !existsSync(folder)));
    const another = new Box();
    await another.run("sh", "echo started");
    await another.close();
    assertRunning(living.state);
    assert.ok(processesOf(living.state).length > 0);
    living.server.kill("SIGKILL");
    await assertNothingLeft(living.state);
    rmSync(state.runFolder, { recursive: true });
  });

  test("the spawner is killed: its sandboxes have ended, and the next one starts anew", async () => {
    const own = new Box();
    const sandbox = await own.start("python3", "import time\ntime.sleep(600)");
    const frozen = await own.start("python3", "import time\ntime.sleep(600)");
    await frozen.pause?.();
    const state = readState(own.stateFile) as InstanceState;
    const spawner = childrenOf(process.pid).find((pid) => readOr(`/proc/${pid}/cmdline`).includes(state.runFolder));
    process.kill(spawner as number, "SIGKILL");
    for (const each of [sandbox, frozen]) {
      assert.deepEqual(await each.exited, { code: null, signal: "SIGKILL", outOfMemory: false });
      assert.equal((await each.stop()).signal, "SIGKILL");
    }
    await assertNothingLeft(state);
    const { stdout } = await own.run("sh", "echo again");
    assert.equal(stdout, "again\n");
    await own.close();
  });

  test("descriptors that the server was started with do not reach code", async () => {
    const { code } = box.spec("python3", `import os\nprint(sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1])`);
    const order: ServerOrder = {
      driver: "bubblewrap",
      stateFile: null,
      root: box.root,
      code: code as string,
      sandboxes: [{ command: ["python3", "/function/main.txt"], endpoint: { via: "callback" }, pause: false }],
      untilEnded: true,
    };
    const main = fileURLToPath(new URL("server.ts", import.meta.url));
    const args = ["-c", 'exec 7</etc/shadow 8</etc/shadow; exec "$@"', "sh", process.execPath, main, JSON.stringify(order)];
    const server = spawn("sh", args, { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(server.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
    assert.deepEqual((JSON.parse(line.toString()) as { printed: string[] }).printed, ["[0, 1, 2]\n"]);
  });
});

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readOr(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

function assertRunning(state: InstanceState): void {
  assert.ok(existsSync(state.runFolder));
  assert.ok(state.cgroupFolders.length > 0 && state.cgroupFolders.every((folder) => existsSync(folder)));
}

function processesOf(state: InstanceState): number[] {
  const files = state.cgroupFolders.flatMap((folder) => globSync(`${folder}/*/cgroup.procs`));
  return files.flatMap((file) => readOr(file).split("\n").filter(Boolean).map(Number));
}

/** How many there were. */
function endProcesses(state: InstanceState): number {
  const pids = processesOf(state);
  for (const pid of pids) {
    try {
      if (pid > 1) process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  return pids.length;
}

async function assertNothingLeft(state: InstanceState): Promise<void> {
  await soon("the control groups are gone", () => state.cgroupFolders.every((folder) => !existsSync(folder)));
  await soon("the folder is gone", () => !existsSync(state.runFolder));
  assert.equal(readOr("/proc/self/mountinfo").includes(state.runFolder), false);
}
