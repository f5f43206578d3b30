import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MachineViews, viewFiles } from "./machine-view.ts";

const machine = {
  cpuInfo: [0, 1, 2]
    .map((number) => `processor\t: ${number}\nmodel name\t: Some\ncore id\t\t: ${number}\nsiblings\t: 3\ncpu cores\t: 3\n\n`)
    .join(""),
  stat: "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\nintr 3 4 5\nbtime 1795216844\nctxt 77\n",
  possibleCores: "0-7\n",
};

function fileOf(name: string, memoryMiB: number, cores: number): string {
  return new Map(viewFiles(memoryMiB, cores, machine)).get(name) ?? "missing";
}

test("memory is what the sandbox may have", () => {
  assert.match(fileOf("meminfo", 128, 1), /^MemTotal: +131072 kB\nMemFree: +131072 kB\nMemAvailable: +131072 kB\n/);
  assert.equal(fileOf("sys/fs/cgroup/memory.max", 128, 1), "134217728\n");
  assert.equal(fileOf("sys/fs/cgroup/memory/memory.limit_in_bytes", 128, 1), "134217728\n");
});

test("processors are as many as the sandbox has, counted from 0, and nothing tells what the machine does", () => {
  assert.equal(
    fileOf("cpuinfo", 2048, 2),
    [0, 1]
      .map((number) => `processor\t: ${number}\nmodel name\t: Some\ncore id\t\t: ${number}\nsiblings\t: 2\ncpu cores\t: 2\n\n`)
      .join(""),
  );
  const stat = fileOf("stat", 2048, 2);
  assert.match(stat, /^cpu {2}0 0 0 0 0 0 0 0 0 0\ncpu0 0 .*\ncpu1 0 .*\nintr 0\nctxt 0\nbtime 1795216844\n/);
  assert.doesNotMatch(stat, /cpu2|77/);
  const online = [1, 2, 4].map((cores) => fileOf("sys/devices/system/cpu/online", 128, cores));
  assert.deepEqual(online, ["0\n", "0-1\n", "0-3\n"]);
  assert.equal(fileOf("sys/devices/system/cpu/possible", 128, 1), "0-7\n");
  assert.equal(fileOf("sys/fs/cgroup/cpu.max", 128, 2), "200000 100000\n");
});

test("the files of a size are written once, for every user to read", () => {
  const folder = mkdtempSync(join(tmpdir(), "view-test-"));
  try {
    const views = new MachineViews(folder, 3, machine);
    const first = views.of(128, 1);
    const { ino, mode } = statSync(`${first}/meminfo`);
    assert.equal(mode & 0o777, 0o644);
    assert.equal(views.of(128, 1), first);
    assert.equal(statSync(`${first}/meminfo`).ino, ino);
    assert.notEqual(views.of(128), first);
    assert.equal(readFileSync(`${views.of(128)}/sys/devices/system/cpu/online`, "utf8"), "0-2\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
