/** Attempts to use up what others need: rows S7 to S12 of the threat table. A neighbour goes on answering all the while. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { statSync } from "node:fs";
import type { Duplex } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { ownLiveMiB } from "../live-memory.ts";
import { Box, boxLimits, cannotIsolate, soon } from "./box.ts";

/** Generous, because other tests may have the processors; without isolation it would be minutes or never. */
const neighbourMsMax = 10_000;
/** The same. */
const stopMsMax = 10_000;

describe("exhaust", { skip: cannotIsolate, timeout: 180_000 }, () => {
  let box: Box;
  let neighbour: Sandbox;
  let connection: Duplex;
  before(async () => {
    box = new Box();
    neighbour = await box.start("node", `const s = require("node:net").connect(process.env.KILN_SOCKET); s.pipe(s);`);
    connection = await neighbour.connect(AbortSignal.timeout(20_000));
  });
  after(() => box.close());

  async function neighbourAnswers(): Promise<void> {
    const startedAt = performance.now();
    connection.write("x");
    await once(connection, "data");
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < neighbourMsMax, `the neighbour took ${tookMs} ms`);
  }

  test("S7: a fork bomb ends at the limit of processes", async () => {
    const bomb = await box.start(
      "python3",
      `
import os, time
children = 0
try:
    while children < 500:
        if os.fork() == 0:
            time.sleep(60); os._exit(0)
        children += 1
except OSError as error: print("error", error.errno, flush=True)
print("children", children, flush=True)
time.sleep(60)`,
    );
    await soon("the bomb has ended", () => bomb.read().includes("children"));
    await neighbourAnswers();
    assert.match(bomb.read(), /^error 11\n/);
    const children = Number(/children (\d+)/.exec(bomb.read())?.[1]);
    assert.ok(children >= boxLimits.processesMax - 4 && children <= boxLimits.processesMax, `${children} children`);
    assert.equal((await bomb.stop()).signal, "SIGKILL");
  });

  test("S7: a thread bomb too", async () => {
    const threads = await box.ask<number>(
      "python3",
      `
import threading, time, json
count = 0
try:
    while count < 500:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); count += 1
except RuntimeError: pass
print(json.dumps(count), flush=True)
import os; os._exit(0)`,
    );
    assert.ok(threads < boxLimits.processesMax, `${threads} threads`);
  });

  const bombs: [what: string, language: "node" | "python3", code: string][] = [
    ["heap", "node", `const all = []; for (;;) all.push(new Array(100_000).fill(Math.random()));`],
    ["memory outside of the heap", "node", `const all = []; for (;;) all.push(Buffer.alloc(8_000_000, 1));`],
    ["anonymous mappings", "python3", `all = []\nwhile True: all.append(bytearray(8_000_000))`],
    ["files in /tmp", "python3", `f = open("/tmp/x", "wb")\nwhile True: f.write(bytes(1_000_000))`],
    ["a memory file", "python3", `import os\nfd = os.memfd_create("x")\nwhile True: os.write(fd, bytes(1_000_000))`],
  ];
  for (const [what, language, code] of bombs) {
    test(`S8: a bomb of ${what} ends only its own sandbox, and the end says why`, async () => {
      const limits = { memoryMiB: 96, tmpMiB: 512 };
      const { exit } = await box.run(language, code, { limits, env: { NODE_OPTIONS: "--max-old-space-size=1024" } });
      assert.equal(exit.outOfMemory, true);
      await neighbourAnswers();
    });
  }

  test("S8: a child that the kernel ends is told too, though the program goes on", async () => {
    const { stdout, exit } = await box.run(
      "python3",
      `
import os
child = os.fork()
if child == 0:
    all = []
    while True: all.append(bytearray(8_000_000))
print(os.waitpid(child, 0)[1] & 127)`,
      { limits: { memoryMiB: 96 } },
    );
    assert.equal(stdout, "9\n");
    assert.deepEqual(exit, { code: 0, signal: null, outOfMemory: true });
  });

  test("S9: disk space, files and descriptors end inside", async () => {
    const found = await box.ask<{
      bytes: number;
      bytesError: number;
      files: number;
      filesError: number;
      shmError: number;
      open: number;
      openError: number;
      disks: number[];
    }>(
      "python3",
      `
import os, json
found = {}
def fill(path, step):
    written = 0
    try:
        with open(path, "wb", buffering=0) as f:
            while written < 1_000_000_000:
                n = f.write(bytes(step))
                written += n
                if n < step: f.write(b"x")
    except OSError as error: return written, error.errno
    return written, 0
found["bytes"], found["bytesError"] = fill("/tmp/big", 65536)
_, found["shmError"] = fill("/dev/shm/big", 65536)
os.unlink("/tmp/big"); os.unlink("/dev/shm/big")
count = 0
try:
    while count < 100_000:
        open("/tmp/f%d" % count, "w").close(); count += 1
except OSError as error: found["filesError"] = error.errno
found["files"] = count
held = []
try:
    while len(held) < 100_000: held.append(os.open("/bin/sh", os.O_RDONLY))
except OSError as error: found["openError"] = error.errno
found["open"] = len(held)
os.close(held.pop())
os.close(held.pop())
found["disks"] = [os.stat(path).st_dev for path in ("/tmp", "/dev/shm")]
print(json.dumps(found))`,
    );
    assert.ok(
      found.bytes <= boxLimits.tmpMiB * 1024 * 1024 && found.bytes > (boxLimits.tmpMiB - 1) * 1024 * 1024,
      `${found.bytes} bytes`,
    );
    const noSpace = 28;
    assert.equal(found.bytesError, noSpace);
    assert.equal(found.shmError, noSpace);
    assert.equal(found.filesError, noSpace);
    assert.ok(found.files < boxLimits.tmpFilesMax && found.files > boxLimits.tmpFilesMax - 20, `${found.files} files`);
    assert.equal(found.openError, 24);
    assert.ok(found.open < boxLimits.openFilesMax);
    // What is free on it says nothing: others make files there meanwhile.
    for (const disk of found.disks) assert.notEqual(disk, statSync(box.folder).dev, "files of the host");
  });

  test("S9: the folder for its socket is limited as /tmp is", async () => {
    const sandbox = await box.start(
      "python3",
      `
try:
    with open("/tmp/io/big", "wb", buffering=0) as f:
        while True:
            if f.write(bytes(65536)) < 65536: f.write(b"x")
except OSError as error: print("error", error.errno, flush=True)`,
      { endpoint: { via: "unix", folder: "/tmp/io", name: "s.sock" } },
    );
    await sandbox.exited;
    assert.match(sandbox.read(), /^error 28\n$/);
    await sandbox.stop();
  });

  test("S10: a flood of output without a line end neither fills memory nor holds up the neighbour", async () => {
    let bytes = 0;
    const floodBeganAt = performance.now();
    const flood = await box.driver.create({
      ...box.spec("python3", `import os\nwhile True: os.write(1, b"x" * 65536)`),
      env: {},
      egress: "none",
      endpoint: { via: "callback" },
      limits: boxLimits,
      output: (_stream, data) => {
        bytes += data.length;
      },
    });
    const liveBefore = ownLiveMiB();
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      await neighbourAnswers();
    }
    const grownMiB = ownLiveMiB() - liveBefore;
    const stopStartedAt = performance.now();
    await flood.stop();
    assert.ok(performance.now() - stopStartedAt < stopMsMax, "it is stopped at once");
    const floodS = (performance.now() - floodBeganAt) / 1000;
    // At most 8 MiB a second are taken, the first of them at once.
    assert.ok(bytes > 1_000_000 && bytes < (floodS + 2) * 8 * 1024 * 1024, `${bytes} bytes in ${floodS} s`);
    assert.ok(grownMiB < 20, `${grownMiB} MiB more`);
  });

  test("S10: control characters arrive as they are", async () => {
    const { stdout } = await box.run("sh", `printf 'a\\033[31mb\\r\\nc\\000d'`);
    assert.equal(stdout, "a\x1b[31mb\r\nc\0d");
  });

  test("a program that is never read over stdio holds up itself only", async () => {
    const sandbox = await box.start("python3", `import os\nwhile True: os.write(1, b"x" * 65536)`, {
      endpoint: { via: "stdio" },
    });
    const stream = await sandbox.connect(AbortSignal.timeout(20_000));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await neighbourAnswers();
    assert.ok(stream.readableLength < 1_000_000, `${stream.readableLength} bytes wait`);
    await sandbox.stop();
  });

  const spinners: [what: string, language: "node" | "python3" | "sh", code: string][] = [
    ["a loop", "node", `console.log("ready"); for (;;);`],
    [
      "a loop that ignores signals",
      "python3",
      `import signal\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\nprint("ready", flush=True)\nwhile True: pass`,
    ],
    ["a loop in C", "python3", `print("ready", flush=True)\n(3 ** 100000000) % 7`],
    ["a shell that restarts itself", "sh", `echo ready; while :; do :; done & while :; do :; done`],
  ];
  for (const [what, language, code] of spinners) {
    test(`S11: ${what} is stopped`, async () => {
      const sandbox = await box.start(language, code);
      await soon("it runs", () => sandbox.read().includes("ready"));
      const startedAt = performance.now();
      assert.deepEqual(await sandbox.stop(), { code: null, signal: "SIGKILL", outOfMemory: false });
      assert.ok(performance.now() - startedAt < stopMsMax);
    });
  }

  const daemon = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        time.sleep(600)
    os._exit(0)
os.wait()
print("done", flush=True)
`;
  test("S12: what a program leaves running ends with it", async () => {
    const countBefore = box.processes().length;
    const { stdout, exit } = await box.run("python3", daemon);
    assert.equal(stdout, "done\n");
    assert.equal(exit.code, 0);
    assert.equal(box.processes().length, countBefore);
  });

  test("S12: stop ends it too, and also when it is frozen", async () => {
    const countBefore = box.processes().length;
    const sandbox = await box.start("python3", `${daemon}\ntime.sleep(600)`);
    await soon("it runs", () => sandbox.read().includes("done"));
    await sandbox.pause?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(box.processes().length > countBefore);
    const startedAt = performance.now();
    await sandbox.stop();
    assert.ok(performance.now() - startedAt < stopMsMax);
    assert.equal(box.processes().length, countBefore);
  });

  test("what is frozen does nothing", async () => {
    const sandbox = await box.start("python3", `import time\nwhile True:\n  print("tick", flush=True)\n  time.sleep(0.01)`);
    await soon("it ticks", () => sandbox.read().length > 10);
    await sandbox.pause?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const length = sandbox.read().length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(sandbox.read().length, length);
    await sandbox.resume?.();
    await soon("it ticks again", () => sandbox.read().length > length);
    await sandbox.stop();
  });
});
