/** A function that asks how big its machine is hears how big its sandbox is, in each language and by each way. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { after, before, describe, test } from "node:test";
import { KernelCores } from "../../src/agent/machine-cores.ts";
import { call, recordOf } from "../client.ts";
import { functionSource, goBuild } from "../kits.ts";
import { type Deployment, type Platform, startPlatform } from "../platform.ts";
import { Box, cannotIsolate } from "../security/box.ts";

const nodeSource = `
const fs = require("node:fs"), os = require("node:os"), v8 = require("node:v8"), { execFileSync } = require("node:child_process");
const read = (path) => fs.readFileSync(path, "utf8");
const count = (path, pattern) => read(path).match(pattern)?.length ?? 0;
exports.handler = () => ({
  cpus: os.cpus().length,
  parallelism: os.availableParallelism(),
  processors: count("/proc/cpuinfo", /^processor\\t/gm),
  stat: count("/proc/stat", /^cpu\\d/gm),
  online: read("/sys/devices/system/cpu/online").trim(),
  allowed: /^Cpus_allowed_list:\\s*(.*)$/m.exec(read("/proc/self/status"))[1],
  totalMiB: os.totalmem() / 1048576,
  memInfoKiB: Number(/^MemTotal:\\s+(\\d+) kB$/m.exec(read("/proc/meminfo"))[1]),
  constrainedMiB: process.constrainedMemory() / 1048576,
  heapMiB: v8.getHeapStatistics().heap_size_limit / 1048576,
  written: ["/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu/online"].filter((path) => {
    try { fs.writeFileSync(path, "x"); return true } catch { return false }
  }),
});`;

const pythonSource = `
import json, os, subprocess
def handler(event=None, context=None):
    return {"cpus": os.cpu_count(), "online": os.sysconf("SC_NPROCESSORS_ONLN"), "allowed": len(os.sched_getaffinity(0)),
            "nproc": int(subprocess.run(["nproc"], capture_output=True).stdout or "0")}
`;

/** Two threads that want a processor each, for as long as the body says: how many processors they had. */
const greedySource = `
const { Worker } = require("node:worker_threads");
const spin = (ms) => { const end = Date.now() + ms; while (Date.now() < end); };
exports.handler = async () => {
  const worker = new Worker("const end = Date.now() + 2000; while (Date.now() < end);", { eval: true });
  await new Promise((resolve) => worker.once("online", resolve));
  const before = process.cpuUsage(), began = performance.now();
  spin(1000);
  const { user, system } = process.cpuUsage(before);
  const had = (user + system) / 1000 / (performance.now() - began);
  await worker.terminate();
  return had;
};`;

const sizes = [128, 1792, 2048] as const;
const coresOf = (memoryMiB: number) => Math.min(availableParallelism(), memoryMiB > 1792 ? 2 : 1);

describe("the size of the machine", { skip: cannotIsolate, timeout: 120_000 }, () => {
  let platform: Platform;
  let number = 0;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform.stop());

  async function ask<T>(file: Deployment["file"], settings: Record<string, unknown>): Promise<T> {
    const fn = await platform.deploy({ name: `size-${++number}`, ...(file && { file }), settings });
    const { status, text } = await call(fn.invokeUrl, {});
    assert.equal(status, 200, text);
    return JSON.parse(text) as T;
  }

  for (const memoryMiB of sizes) {
    const cores = coresOf(memoryMiB);

    test(`Node at ${memoryMiB} MiB`, async () => {
      const told = await ask<Record<string, unknown>>(["index.js", nodeSource], { memoryMiB });
      const { allowed, heapMiB, ...others } = told;
      assert.deepEqual(others, {
        cpus: cores,
        parallelism: cores,
        processors: cores,
        stat: cores,
        online: cores === 1 ? "0" : "0-1",
        totalMiB: memoryMiB,
        memInfoKiB: memoryMiB * 1024,
        constrainedMiB: memoryMiB,
        written: [],
      });
      assert.equal(String(allowed).split(/[,-]/).length, cores, String(allowed));
      assert.ok(Number(heapMiB) > 0.9 * memoryMiB, `the heap may be ${heapMiB} MiB`);
    });

    test(`Python at ${memoryMiB} MiB`, async () => {
      const told = await ask(["func.py", pythonSource], { memoryMiB, kind: "python:3.11" });
      assert.deepEqual(told, { cpus: cores, online: cores, allowed: cores, nproc: cores });
    });

    test(`Go at ${memoryMiB} MiB`, async () => {
      const program = readFileSync(await goBuild(functionSource("size-go")));
      const settings = { memoryMiB, kind: "native:1", protocol: "stdio" };
      assert.deepEqual(await ask(["main", program], settings), [cores, cores]);
    });
  }

  test("two threads in a sandbox of one processor have one", async () => {
    const had = await ask<number>(["index.js", greedySource], { memoryMiB: 256 });
    assert.ok(had < 1.2, `${had} processors`);
  });

  test("a stem cell's function sees its size too", async () => {
    const file: Deployment["file"] = ["index.js", nodeSource];
    const giveUpAt = performance.now() + 30_000;
    while (performance.now() < giveUpAt) {
      const fn = await platform.deploy({ name: `cell-${++number}`, file, settings: { memoryMiB: 128 } });
      const answer = await call(fn.invokeUrl, {});
      const { cpus, totalMiB } = JSON.parse(answer.text) as Record<string, number>;
      assert.deepEqual([cpus, totalMiB], [1, 128]);
      if ((await recordOf(platform.url, answer.activationId)).start === "prewarmed") return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.fail("no call found a stem cell");
  });
});

const tooFewCores = availableParallelism() < 2 && "there is one processor";

test("a sandbox is moved to another processor while it runs, and cannot go elsewhere by itself", {
  skip: cannotIsolate || tooFewCores,
  timeout: 60_000,
}, async () => {
  const box = new Box();
  try {
    const [first = 0, second = 1] = new KernelCores().all;
    const code = `
import os, time
while True:
    try: os.sched_setaffinity(0, range(os.cpu_count() + 64))
    except OSError: pass
    print(*os.sched_getaffinity(0), flush=True)
    time.sleep(0.02)`;
    const sandbox = await box.start("python3", code, { limits: { cores: [first] } });
    // Without a control group for it, code is held where it is by its own good will.
    if (sandbox.move === undefined) return;
    const last = () => sandbox.read().trim().split("\n").at(-1);
    await until("it runs where it was started", () => last() === String(first));
    await sandbox.move([second]);
    await until("it runs where it was moved to", () => last() === String(second));
    await sandbox.stop();
  } finally {
    await box.close();
  }
});

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!isSo()) {
    assert.ok(performance.now() < giveUpAt, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
