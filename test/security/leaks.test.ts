/** Many sandboxes, one after the other: what there was at the beginning is there at the end. */
import assert from "node:assert/strict";
import { globSync, readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Endpoint } from "../../src/sandbox/sandbox.ts";
import { type InstanceState, readState } from "../../src/sandbox/spawner/state.ts";
import { mountsBeside } from "../reliability/footprint.ts";
import { Box, cannotIsolate, readOr } from "./box.ts";

const rounds = 200;
/** Long enough for what is prepared ahead to be there on a busy machine. */
const steadyMs = 2000;
/** So that it is there again. */
const settleMsMax = 30_000;

type Counts = Readonly<Record<string, number>>;

describe("leaks", { skip: cannotIsolate, timeout: 180_000 }, () => {
  let box: Box;
  before(() => {
    box = new Box();
  });
  after(() => box.close());

  test(`${rounds} sandboxes leave nothing`, async () => {
    for (let index = 0; index < 10; index++) await once(index);
    const atFirst = await steady();
    for (let index = 0; index < rounds; index += 2) await Promise.all([once(index), once(index + 1)]);
    assert.deepEqual(await settled(atFirst), atFirst);
  });

  const endpoints: readonly Endpoint[] = [
    { via: "callback" },
    { via: "stdio" },
    { via: "unix", folder: "/tmp/io", name: "s" },
    { via: "tcp", port: 4711 },
  ];

  /** By turns ended by itself, stopped while it runs, stopped while it is frozen. */
  async function once(index: number): Promise<void> {
    const ends = index % 3 === 0;
    const code = ends ? "echo done" : "kill -STOP $$";
    const sandbox = await box.start("sh", code, { endpoint: endpoints[index % endpoints.length] as Endpoint });
    if (ends) await sandbox.exited;
    else if (index % 3 === 1) await sandbox.pause?.();
    await sandbox.stop();
  }

  /** Once it is the same for long enough. */
  async function steady(): Promise<Counts> {
    for (let last = counts(), since = performance.now(); ; ) {
      await sleep(50);
      const now = counts();
      if (!isDeepStrictEqual(now, last)) [last, since] = [now, performance.now()];
      else if (performance.now() - since > steadyMs) return now;
    }
  }

  /** Waits until it is as expected, or has had long enough. */
  async function settled(expected: Counts): Promise<Counts> {
    const giveUpAt = performance.now() + settleMsMax;
    for (;;) {
      const now = counts();
      if (isDeepStrictEqual(now, expected) || performance.now() > giveUpAt) return now;
      await sleep(50);
    }
  }

  function counts(): Counts {
    const { runFolder, cgroupFolders } = readState(box.stateFile) as InstanceState;
    const spawner = spawnerPid(runFolder);
    return {
      descriptors: readdirSync("/proc/self/fd").length,
      spawnerDescriptors: readdirSync(`/proc/${spawner}/fd`).length,
      mounts: readOr("/proc/self/mountinfo")
        .split("\n")
        .filter((line) => line.includes(runFolder)).length,
      spawnerMounts: mountsBeside(Number(spawner)),
      cgroups: cgroupFolders.flatMap((folder) => globSync(`${folder}/*/`)).length,
      processes: cgroupFolders
        .slice(0, 1)
        .flatMap((folder) => globSync(`${folder}/**/cgroup.procs`).map(lines))
        .reduce((a, b) => a + b, 0),
      // The pipes are a store that only grows with the number of sandboxes at a time.
      files: globSync(`${runFolder}/**`).filter((file) => !file.includes("/pipes/")).length,
      timers: process.getActiveResourcesInfo().filter((name) => name.includes("Timeout")).length,
    };
  }
});

function spawnerPid(runFolder: string): string {
  const found = readdirSync("/proc").find((name) => {
    const words = /^\d+$/.test(name) ? readOr(`/proc/${name}/cmdline`) : "";
    return words.includes("main.") && words.includes(`"${runFolder}"`);
  });
  return found as string;
}

function lines(file: string): number {
  return readOr(file).split("\n").length - 1;
}
