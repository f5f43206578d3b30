import assert from "node:assert/strict";
import { test } from "node:test";
import { allProtocols, sampleFn } from "../../test/samples.ts";
import { until } from "../../test/within-agent.ts";
import type { Prepared } from "../image/image.ts";
import { realWorld } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import { frames } from "../protocol/frames/frames.ts";
import { type FakeDriver, fakeDriver, type FakeProgram } from "../sandbox/fake/driver.ts";
import type { SandboxSpec } from "../sandbox/sandbox.ts";
import { Compiler } from "./compiler.ts";
import { agentDefaults } from "./config.ts";
import { MemoryBudget } from "./evictor.ts";

const settings = { ...agentDefaults, memoryMiB: 1000, functionWaitingMax: 10, startsMax: 2, startTimeoutMs: 1000 };

interface Setting {
  readonly compiler: Compiler;
  readonly driver: FakeDriver;
  readonly memory: MemoryBudget;
  /** What was kept, by function. */
  readonly kept: Map<string, string>;
  readonly specs: readonly SandboxSpec[];
  readonly prepared: (fn: Fn) => Prepared;
  busy: boolean;
}

function setting(program: FakeProgram): Setting {
  const specs: SandboxSpec[] = [];
  const driver = fakeDriver({
    compile: (inside) => {
      specs.push(inside.spec);
      return program(inside);
    },
  });
  const kept = new Map<string, string>();
  const memory = new MemoryBudget(
    1000,
    () => [],
    () => {},
  );
  const base = {
    root: "/root",
    code: "/code",
    runtime: "/shim",
    path: "/bin",
    env: {},
    shimCommand: ["x"],
    command: () => ["x"],
  };
  const prepared = (fn: Fn): Prepared => ({
    ...base,
    compilable: {
      command: (protocol) => (protocol === "stdio" ? null : ["compile"]),
      keep: async (records) => Boolean(kept.set(fn.id, records.toString())),
    },
  });
  const protocol = frames();
  const made: Setting = {
    driver,
    memory,
    kept,
    specs,
    prepared,
    busy: false,
    compiler: new Compiler({
      world: realWorld(),
      driver,
      images: { prepare: async (_source, owner) => prepared(named(owner ?? "")) },
      protocols: allProtocols(protocol),
      config: settings,
      memory,
      processors: { count: 2, short: false },
      busy: () => made.busy,
    }),
  };
  return made;
}

const named = (id: string, fields: Partial<Fn> = {}) => sampleFn({ id, name: id, ...fields });
const id = (letter: string) => `01JD00000000000000000000A${letter}`;

const send: FakeProgram = async ({ spec, accept }) => {
  const connection = await accept();
  connection.end(spec.env["KILN_FUNCTION_ID"] ?? "");
};

async function within(made: Setting, body: (made: Setting) => Promise<void>): Promise<void> {
  try {
    await body(made);
  } finally {
    await made.compiler.close();
    assert.equal(made.driver.living.length, 0, "every sandbox has ended");
    assert.equal(made.memory.promisedMiB, 0, "all memory is given back");
  }
}

test("a function that starts is compiled once, in a sandbox with its limits and no network", async () => {
  await within(setting(send), async (made) => {
    const fn = named(id("A"), { memoryMiB: 300, config: { COLOUR: "red" } });
    for (let i = 0; i < 3; i++) made.compiler.started(fn, null, made.prepared(fn));
    await until("kept", () => made.kept.get(fn.id) === fn.id);
    made.compiler.started(fn, null, made.prepared(fn));
    const other = named(id("B"));
    made.compiler.started(other, null, made.prepared(other));
    await until("the next one kept", () => made.kept.has(other.id));
    assert.equal(made.driver.created, 2);
    const [spec] = made.specs;
    assert.deepEqual([spec?.egress, spec?.limits.memoryMiB, spec?.env["COLOUR"]], ["none", 300, "red"]);
    assert.deepEqual([spec?.root, spec?.code, spec?.runtime], ["/root", "/code", "/shim"]);
  });
});

test("nothing is done while somebody waits for a sandbox, or for a protocol that would not use it", async () => {
  await within(setting(send), async (made) => {
    made.busy = true;
    const [fn, other] = [named(id("A")), named(id("B"), { protocol: "stdio" })];
    for (const each of [fn, other]) made.compiler.started(each, null, made.prepared(each));
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(made.driver.created, 0);
    made.busy = false;
    await until("kept", () => made.kept.has(fn.id));
    assert.equal(made.kept.has(other.id), false);
  });
});

test("a deployed function is looked at where its kind was used before", async () => {
  await within(setting(send), async (made) => {
    const [first, second] = [named(id("A")), named(id("B"))];
    made.compiler.expect(first, null);
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(made.driver.created, 0);
    made.compiler.started(first, null, made.prepared(first));
    made.compiler.expect(second, null);
    await until("both kept", () => made.kept.size === 2);
  });
});

const endless: FakeProgram = ({ signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

const failures: readonly (readonly [string, FakeProgram])[] = [
  ["ends before it connects", () => 1],
  ["never connects", endless],
  [
    "never ends",
    async ({ accept, signal }) => {
      (await accept()).write("some");
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  ],
];
for (const [what, program] of failures) {
  test(`a program that ${what} keeps nothing, is not tried again, and holds nobody up`, async () => {
    const bad = id("A");
    const either: FakeProgram = (inside) => (inside.spec.env["KILN_FUNCTION_ID"] === bad ? program(inside) : send(inside));
    await within(setting(either), async (made) => {
      const [fn, other] = [named(bad), named(id("B"))];
      for (const each of [fn, other]) made.compiler.started(each, null, made.prepared(each));
      await until("the other one kept", () => made.kept.has(other.id));
      made.compiler.started(fn, null, made.prepared(fn));
      await new Promise((resolve) => setTimeout(resolve, 120));
      assert.equal(made.driver.created, 2);
      assert.equal(made.kept.has(bad), false);
    });
  });
}

test("closing ends what runs", async () => {
  await within(setting(endless), async (made) => {
    const fn = named(id("A"));
    made.compiler.started(fn, null, made.prepared(fn));
    await until("it runs", () => made.driver.living.length === 1);
  });
});
