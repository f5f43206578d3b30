import assert from "node:assert/strict";
import { test } from "node:test";
import { setWorld } from "../../test/set-world.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { Cores } from "./cores.ts";
import { Instance } from "./instance.ts";
import { KernelCores } from "./machine-cores.ts";

const stat = (ticks: number) =>
  [`cpu  9 9 9 9 9 9 9 9 0 0`, `cpu0 ${ticks} 0 0 ${ticks * 3} 0 0 0 0 0 0`, `cpu2 ${ticks} 0 0 0 0 0 0 0 0 0`, "intr 5"].join(
    "\n",
  );

/** Sandboxes on a machine of which a test says how idle its processors are. */
function machine(all: readonly number[]) {
  const world = setWorld();
  const live: Instance[] = [];
  const idle = new Map(all.map((core) => [core, 0]));
  const cores = new Cores(world, () => [{ live }], { all, idleShares: () => idle });
  const start = (memoryMiB = 128, activeCalls = 1): Instance => {
    const sandbox = { move: async () => {}, exited: new Promise(() => {}) } as Pick<Sandbox, "move" | "exited"> as Sandbox;
    const instance = new Instance(sandbox, 0, world);
    instance.cores = cores.ofNew(memoryMiB) ?? null;
    instance.activeCalls = activeCalls;
    live.push(instance);
    cores.watch(instance);
    return instance;
  };
  /** Long enough for a few looks. */
  const look = () => {
    for (let times = 0; times < 4; times++) world.pass(300);
  };
  return { world, look, cores, idle, live, start };
}

test("a sandbox gets one processor, and another for each 1,792 MiB, as far as there are more", () => {
  const { cores } = machine([0, 1, 2, 3]);
  const counts = [1, 128, 1792, 1793, 3584, 3585, 5376].map((memoryMiB) => cores.ofNew(memoryMiB)?.length);
  assert.deepEqual(counts, [1, 1, 1, 2, 2, 3, 3]);
  assert.equal(cores.ofNew(10_240), undefined, "all there are");
  assert.equal(machine([0]).cores.ofNew(128), undefined);
  assert.equal(machine([]).cores.ofNew(128), undefined);
});

test("new ones go where the fewest run, by turns where that is the same", () => {
  const { start, live } = machine([0, 1, 5]);
  assert.deepEqual([1, 2, 3].map(() => start().cores?.[0]).toSorted(), [0, 1, 5]);
  const [first] = live.splice(0, 1);
  assert.deepEqual(start().cores, first?.cores);
  for (const instance of live) instance.activeCalls = 0;
  assert.deepEqual([1, 2, 3].map(() => start(128, 0).cores?.[0]).toSorted(), [0, 1, 5]);
});

test("of two that share a busy processor while another is idle, the one that runs for longer is moved there", () => {
  const { world, look, idle, start } = machine([0, 1]);
  const first = start();
  world.pass(10);
  const second = start();
  second.cores = first.cores;
  const [shared = Number.NaN] = first.cores ?? [];
  look();
  assert.deepEqual(first.cores, [shared], "nothing is idle");
  idle.set(1 - shared, 0.9);
  look();
  assert.deepEqual([first.cores, second.cores], [[1 - shared], [shared]]);
});

test("none is moved from a processor that has time left, or that it has for itself", () => {
  const { look, idle, start } = machine([0, 1]);
  const [first, second, resting] = [start(), start(), start(128, 0)];
  const before = [first, second, resting].map(({ cores }) => cores);
  idle.set(1, 0.9);
  look();
  second.cores = first.cores;
  idle.set(first.cores?.[0] ?? 0, 0.5);
  look();
  assert.deepEqual(
    [first, second, resting].map(({ cores }) => cores),
    [before[0], before[0], before[2]],
  );
});

test("the kernel tells which processors there are, which of them are ours, and how idle they were", () => {
  let now = 100;
  const cores = new KernelCores(() => stat(now), "Cpus_allowed:\tff\nCpus_allowed_list:\t0-1,3\n");
  assert.deepEqual(cores.all, [0]);
  assert.deepEqual([...cores.idleShares()], []);
  now = 200;
  assert.deepEqual(
    [...cores.idleShares()],
    [
      [0, 0.75],
      [2, 0],
    ],
  );
  assert.deepEqual(new KernelCores(() => "", "").all, []);
});
