import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readState } from "../src/sandbox/spawner/state.ts";
import { call } from "../test/client.ts";
import { cleanEnvironment, example, firstLine, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";

const sandboxes = 200;
const frozenWithinMs = 30_000;
const hello = join(import.meta.dirname, "../examples/hello-node/index.js");

/** The same handler, called once as ours was, and then nothing but a wait. */
const plain = `Promise.resolve(require(${JSON.stringify(hello)}).handler({}, {})).then(() => process.stdout.write("called\\n"));process.stdin.resume()`;

/**
 * Idle functions, one sandbox each, called once and frozen, beside as many plain processes that did the same. By PSS: of what
 * processes share, mostly the pages of the node program, each counts its part. The sum is what the machine would get back, and it
 * counts the same way for both. (The count of a control group leaves shared pages to whoever touched them first.)
 */
export const bench: Bench = {
  question: `What do ${sandboxes} idle frozen functions hold beside as many plain node processes, and how fast does one answer again?`,
  unit: "MiB or ms",
  async run() {
    const platform = await startPlatform();
    try {
      const ids = await calledOnce(platform);
      const groups = await frozenGroups(platform);
      const ours = sum(groups.map((group) => pssMiB(pidsOf(group))));
      const counted = sum(groups.map(countedMiB));
      const thaw = await thawLatencies(platform, ids);
      const theirs = await plainProcessesMiB();
      process.stderr.write(
        `per function: ${(ours / sandboxes).toFixed(2)} MiB PSS, ${(counted / sandboxes).toFixed(2)} MiB by its control group; ` +
          `a hot call right after: ${thaw.hotMs.toFixed(3)} ms\n`,
      );
      return {
        n: sandboxes,
        checks: [
          compare("memory of frozen functions", ours, "memory of plain processes", theirs, 1.15),
          compare("thaw to first byte, p50", thaw.warmMs, "promised", 2, 1),
        ],
      };
    } finally {
      await platform.stop();
    }
  },
};

async function calledOnce(platform: Platform): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < sandboxes; i++) {
    const fn = await platform.deploy({
      name: `idle-${i}`,
      file: example("hello-node"),
      settings: { idleTimeoutMs: 3_600_000 },
    });
    const { status, text } = await call(fn.invokeUrl, {});
    if (status !== 200) throw new Error(`Unexpected answer: ${status} ${text}`);
    ids.push(fn.id);
  }
  return ids;
}

/** The control groups of the sandboxes, once all are frozen. The few that wait for their program are not. */
async function frozenGroups(platform: Platform): Promise<string[]> {
  const folders = readState(join(platform.data, "sandboxes.json"))?.cgroupFolders ?? [];
  const giveUpAt = performance.now() + frozenWithinMs;
  for (;;) {
    const events = folders.flatMap((folder) => globSync(`${folder}/*/cgroup.events`));
    const frozen = events.filter((file) => /^frozen 1$/m.test(readFileSync(file, "utf8")));
    if (frozen.length >= sandboxes) return frozen.map(dirname);
    if (performance.now() > giveUpAt) throw new Error(`Only ${frozen.length} of ${sandboxes} sandboxes are frozen`);
    await sleep(100);
  }
}

/** One warm call of each function, and a hot one right after it. */
async function thawLatencies(platform: Platform, ids: readonly string[]): Promise<{ warmMs: number; hotMs: number }> {
  const client = await RawClient.connect(platform.port);
  const warmMs: number[] = [];
  const hotMs: number[] = [];
  for (const id of ids) {
    for (const times of [warmMs, hotMs]) {
      const beganAt = performance.now();
      const answer = await client.call(`POST /invoke/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n`);
      times.push(performance.now() - beganAt);
      if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`Unexpected answer: ${answer.slice(0, 900)}`);
    }
  }
  client.close();
  return { warmMs: median(warmMs), hotMs: median(hotMs) };
}

async function plainProcessesMiB(): Promise<number> {
  const children: ChildProcess[] = [];
  try {
    for (let i = 0; i < sandboxes; i++) {
      const child = spawn(process.execPath, ["-e", plain], { stdio: ["pipe", "pipe", "inherit"], env: cleanEnvironment });
      children.push(child);
      await firstLine(child);
    }
    await sleep(1000);
    return sum(children.map(({ pid }) => pssMiB([pid as number])));
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function pidsOf(group: string): number[] {
  return readFileSync(`${group}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
}

function pssMiB(pids: readonly number[]): number {
  const kib = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]));
  return sum(kib) / 1024;
}

/** In the hierarchy that counts memory, which need not be the one that freezes. */
function countedMiB(group: string): number {
  const sandbox = group.split("/").slice(-3).join("/");
  const files = [`/sys/fs/cgroup/memory/${sandbox}/memory.usage_in_bytes`, `${group}/memory.current`];
  const file = files.find((each) => existsSync(each));
  return file === undefined ? Number.NaN : Number(readFileSync(file, "utf8")) / 1_048_576;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
