import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { CgroupTree } from "../spawner/messages.ts";
import { ownedName } from "../spawner/owner.ts";
import { CgroupParent, cgroupFolders, removeDeadGroups } from "./cgroup.ts";

const limits = { memoryMiB: 128, processesMax: 32, openFilesMax: 256, tmpMiB: 8, tmpFilesMax: 200 };

/** Folders in place of a kernel: they show what would be written, not what the kernel would make of it. */
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "cgroup-test-"));
});
afterEach(() => rmSync(base, { recursive: true }));

const read = (file: string) => readFileSync(`${base}/polykiln/i/s/${file}`, "utf8");

function make(version: 1 | 2, controllers: CgroupTree["controllers"], files: readonly string[] = []) {
  const trees: CgroupTree[] = [{ version, base, controllers }];
  const parent = new CgroupParent(trees, "i");
  const group = parent.make("s");
  for (const file of files) writeFileSync(`${base}/polykiln/i/s/${file}`, "");
  return { trees, parent, group };
}

test("version 2, on a fake folder tree: controllers are handed down, and limits are written", () => {
  const { group } = make(2, ["memory", "pids", "cpu", "cpuset", "freeze"], ["memory.swap.max"]);
  group.limit({ ...limits, cores: [1, 3] });
  for (const folder of ["", "/polykiln", "/polykiln/i"]) {
    assert.equal(readFileSync(`${base}${folder}/cgroup.subtree_control`, "utf8"), "+memory +pids +cpu +cpuset");
  }
  assert.equal(read("memory.max"), String(128 * 1024 * 1024));
  assert.equal(read("memory.swap.max"), "0");
  assert.equal(read("pids.max"), "34");
  assert.equal(read("cpu.weight"), "100");
  assert.equal(read("cpuset.cpus"), "1,3");
  assert.equal(group.freezeFile, `${base}/polykiln/i/s/cgroup.freeze`);
});

test("version 2, on a fake folder tree: killing and the reason of the end", () => {
  const { group } = make(2, ["memory", "freeze"], ["cgroup.kill", "memory.events"]);
  assert.equal(group.kill(), true);
  assert.equal(read("cgroup.kill"), "1");
  writeFileSync(`${base}/polykiln/i/s/memory.events`, "low 0\noom 1\noom_kill 0\noom_group_kill 0\n");
  assert.equal(group.outOfMemory(), false);
  writeFileSync(`${base}/polykiln/i/s/memory.events`, "low 0\noom 1\noom_kill 2\noom_group_kill 0\n");
  assert.equal(group.outOfMemory(), true);
});

test("version 2, on a fake folder tree: a kernel without swap accounts has no file for it", () => {
  const { group } = make(2, ["memory"]);
  group.limit(limits);
  assert.equal(existsSync(`${base}/polykiln/i/s/memory.swap.max`), false);
});

test("version 1, on a fake folder tree: limits are written", () => {
  const { group } = make(1, ["memory", "pids", "cpu"], ["memory.memsw.limit_in_bytes"]);
  group.limit(limits);
  assert.equal(read("memory.limit_in_bytes"), String(128 * 1024 * 1024));
  assert.equal(read("memory.memsw.limit_in_bytes"), String(128 * 1024 * 1024));
  assert.equal(read("pids.max"), "34");
  assert.equal(read("cpu.shares"), "1024");
  assert.equal(group.freezeFile, null);
  assert.equal(group.kill(), false);
});

test("version 1, on a fake folder tree: what runs in a group may run where the machine does, until it is told otherwise", () => {
  for (const name of ["cpuset.cpus", "cpuset.mems"]) writeFileSync(`${base}/${name}`, "0-3\n");
  const { group } = make(1, ["cpuset"]);
  for (const name of ["cpuset.cpus", "cpuset.mems"]) assert.equal(readFileSync(`${base}/polykiln/i/${name}`, "utf8"), "0-3\n");
  assert.equal(readFileSync(`${base}/polykiln/i/cgroup.clone_children`, "utf8"), "1");
  group.limit(limits);
  assert.equal(existsSync(`${base}/polykiln/i/s/cpuset.cpus`), false);
  group.limit({ ...limits, cores: [2] });
  assert.equal(readFileSync(group.coresFile ?? "", "utf8"), "2");
});

test("groups are removed with their instance; those of others stay", () => {
  const { trees, parent } = make(1, ["pids"]);
  const other = new CgroupParent(trees, "other");
  const group = parent.make("t");
  assert.equal(group.remove(), true);
  assert.equal(group.remove(), true, "twice is once");
  rmSync(`${base}/polykiln/i/s`, { recursive: true });
  parent.remove();
  assert.deepEqual(cgroupFolders(trees, "i").map(existsSync), [false]);
  assert.deepEqual(cgroupFolders(trees, "other").map(existsSync), [true]);
  other.remove();
  assert.equal(existsSync(`${base}/polykiln`), false);
});

test("a start removes empty groups of dead servers, and no others", () => {
  const mine = ownedName("01M7XYQEJXBMK5P4SE09CP177X");
  const [, namespace = ""] = mine.split(/[.-]/);
  const died = mine.replace(/\d+$/, "1");
  const elsewhere = died.replace(namespace, "1");
  const stays = [mine, elsewhere, "01M7XYQEJXBMK5P4SE09CP177X", "an-administrators.own"];
  const busy = `${died}0`;
  const trees: CgroupTree[] = [{ version: 1, base, controllers: ["pids"] }];
  removeDeadGroups(trees);
  for (const name of [...stays, died]) mkdirSync(`${base}/polykiln/${name}/sandbox`, { recursive: true });
  // Stands for a process: what is not empty cannot be removed.
  mkdirSync(`${base}/polykiln/${busy}/sandbox/child`, { recursive: true });
  removeDeadGroups(trees);
  assert.deepEqual(readdirSync(`${base}/polykiln`).toSorted(), [...stays, busy].toSorted());
  assert.ok(stays.every((name) => existsSync(`${base}/polykiln/${name}/sandbox`)));
});

test("a group that holds another one is not gone", () => {
  const { group } = make(1, ["pids"]);
  mkdirSync(`${base}/polykiln/i/s/child`);
  assert.equal(group.remove(), false);
});
