/** A function that began as a stem cell is as alone, as limited and as wrong as one that was started for itself. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Fn } from "../../src/model/model.ts";
import { cannotCount } from "./footprint.ts";
import { type RealAgent, realAgent } from "./real-agent.ts";

const cells = 2;
const rule = { kind: "nodejs:24", memoryMiB: 128, count: cells, reactive: null };
/** Makes a function start cold that is the same in all else: it is read when a runtime starts. */
const cold: Partial<Fn> = { config: { TZ: "UTC" } };

describe("functions in stem cells", { skip: cannotCount, timeout: 240_000 }, () => {
  let real: RealAgent;
  before(async () => {
    real = realAgent({ stemCells: [rule], freezeAfterMs: 20 });
    real.agent.expect(deploy(""), null);
    await filled();
  });
  after(async () => {
    const { groups } = real;
    await real.close();
    assert.deepEqual(groups(), []);
  });

  const deployed: Fn[] = [];
  const deploy = (source: string, settings: Partial<Fn> = {}) => {
    const fn = real.deploy(source, { egress: "internet", ...settings });
    deployed.push(fn);
    return fn;
  };

  function filled(): Promise<void> {
    return until("full", () => real.agent.stats().stemCells.ready === cells);
  }

  const held = () => ({
    descriptors: readdirSync("/proc/self/fd").length,
    groups: real.groups().length,
    places: real.places().length,
  });

  /** The first call of this code, in a cell. */
  async function first(source: string, event: unknown = {}, settings: Partial<Fn> = {}) {
    await filled();
    const fn = deploy(source, settings);
    const end = await real.call(fn, event);
    assert.equal(end.report.start, "prewarmed");
    return { ...end, fn };
  }

  test("no two functions, nor revisions, meet in a process", async () => {
    const source = `const fs = require("node:fs");
      const seen = [globalThis.mark, fs.readdirSync("/tmp").join(), process.env.MARK, Object.keys(require.cache).join()];
      globalThis.mark = process.env.MARK = "used"; fs.writeFileSync("/tmp/mark", "");
      exports.handler = async (event, context) => [...seen, fs.readdirSync("/function").join(), process.cwd(), context.functionName, context.revision];`;
    const seen: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      const { answer, fn } = await first(source);
      seen.push(answer.replace(fn.name, "NAME"));
      await filled();
      const revised = await real.call({ ...fn, revision: 2 });
      assert.equal(revised.report.start, "prewarmed");
      seen.push(revised.answer.replace(fn.name, "NAME").replace(/2\]$/, "1]"));
    }
    assert.deepEqual(new Set(seen).size, 1, String(seen));
    const found = JSON.parse(String(seen[0])) as (string | null)[];
    assert.deepEqual(found.slice(0, 3), [null, "", null]);
    assert.ok(!found[3]?.includes("sample"), "nothing of the rehearsal is left");
    assert.deepEqual(found.slice(4), ["index.js", "/function", "NAME", 1]);
  });

  test("it finds what one that started cold finds", async () => {
    const source = `const fs = require("node:fs"), { execPath } = process;
      const read = (path) => fs.readFileSync(path, "utf8");
      const mine = (path, pattern) => read(path).split("\\n").filter((line) => pattern.test(line)).map((line) => line.replace(/^\\d+ \\d+ \\d+:\\d+ \\S+ /, "").replace(/ - .*/, ""));
      const refusal = (run) => { try { run(); return "allowed" } catch (error) { return error.code } };
      exports.handler = async () => ({
        status: mine("/proc/self/status", /^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)/),
        limits: read("/proc/self/limits"), mounts: mine("/proc/self/mountinfo", / \\/(function|runtime|tmp) /),
        network: read("/proc/net/dev").split("\\n").map((line) => line.split(":")[0].trim()),
        write: refusal(() => fs.writeFileSync("/function/more.js", "")), change: refusal(() => fs.chmodSync("/function/index.js", 0o777)),
        env: Object.keys(process.env).filter((name) => name !== "TZ").sort(), argv: process.argv, path: process.env.PATH, home: process.env.HOME, execPath, children: process.getActiveResourcesInfo(),
      });`;
    const { answer } = await first(source);
    const other = await real.call(deploy(source, cold));
    assert.equal(other.report.start, "cold");
    assert.deepEqual(JSON.parse(answer), JSON.parse(other.answer));
    assert.match(answer, /"write":"EROFS","change":"EROFS"/);
  });

  test("its memory has the same limit", async () => {
    const source = `const held = []; exports.handler = async ({ mib }) => { for (let i = 0; i < mib; i++) held.push(Buffer.alloc(1 << 20, 1)); return held.length }`;
    assert.equal((await first(source, { mib: 20 })).answer, "20");
    assert.equal((await first(source, { mib: 400 })).answer, "function_out_of_memory");
  });

  const broken: readonly (readonly [string, string])[] = [
    ["throws", "throw new TypeError('not today')"],
    ["has no handler", "exports.other = 1"],
    ["cannot be parsed", "exports.handler = (("],
    ["exits", "console.log('bye'); process.exit(4)"],
    ["needs what is not there", "require('left-pad')"],
    ["takes all memory", "const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1))"],
    ["throws later", "exports.handler = () => new Promise(() => { setTimeout(() => { throw new Error('late') }, 1) })"],
  ];
  for (const [what, source] of broken) {
    test(`code that ${what} is told as in a cold start`, async () => {
      await filled();
      const taken = real.call(deploy(source, { timeoutMs: 5000 }));
      await until("taken", () => real.agent.stats().stemCells.ready < cells);
      const ours = await taken;
      const theirs = await real.call(deploy(source, { ...cold, timeoutMs: 5000 }));
      const { code, message } = ours.report.error ?? {};
      assert.deepEqual({ code, message }, { code: theirs.report.error?.code, message: theirs.report.error?.message });
      assert.deepEqual(ours.lines, theirs.lines);
    });
  }

  test("overlapping calls, modules, files in folders", async () => {
    const source = `import { hello } from "./lib/hello.mjs"; export const handler = async ({ n }) => { await new Promise((r) => setTimeout(r, 20)); console.log("line", n); return hello(n) };`;
    await filled();
    const fn = deploy(source, { concurrency: 10 });
    real.addFile(fn, "package.json", '{"type":"module"}');
    real.addFile(fn, "lib/hello.mjs", "export const hello = (n) => `hello ${n}`;");
    const ends = await Promise.all(Array.from({ length: 5 }, (_, n) => real.call(fn, { n })));
    for (const [n, { answer, lines }] of ends.entries()) assert.deepEqual([answer, lines], [`hello ${n}`, [`line ${n}`]]);
    assert.ok(ends.some(({ report }) => report.start === "prewarmed"));
  });

  test("code of many files starts cold, and leaves the cell to others", async () => {
    await filled();
    const fn = deploy("exports.handler = () => require('node:fs').readdirSync('/function').length");
    for (let n = 0; n < 200; n++) real.addFile(fn, `file-${n}`, "");
    const { answer, report } = await real.call(fn);
    assert.deepEqual([answer, report.start], ["201", "cold"]);
    assert.equal((await first("exports.handler = () => require('node:fs').readdirSync('/function').length")).answer, "1");
  });

  test("fifty functions that end leave no group, folder or descriptor", async () => {
    for (const fn of deployed) real.agent.retire(fn.id, []);
    const ended = () => until("ended", () => sandboxesOf(real) === 0);
    const source = "exports.handler = async () => 'x'";
    const run = async (count: number) => {
      for (let n = 0; n < count; n++) {
        const { fn } = await first(source);
        real.agent.retire(fn.id, []);
      }
      await ended();
      await filled();
    };
    await run(10);
    const atFirst = held();
    await run(50);
    await until("as before", () => JSON.stringify(held()) === JSON.stringify(atFirst));
    assert.equal(atFirst.places, cells);
  });

  test("cells that are killed are replaced", async () => {
    await filled();
    // Every sandbox of this server, also those that are only prepared.
    for (const group of real.groups()) if (existsSync(`${group}/cgroup.kill`)) writeFileSync(`${group}/cgroup.kill`, "1");
    await until("noticed", () => real.agent.stats().stemCells.ready < cells);
    assert.equal((await first("exports.handler = () => 'fine'")).answer, "fine");
  });
});

function sandboxesOf({ agent }: RealAgent): number {
  const { starting, busy, idle, frozen } = agent.stats().sandboxes;
  return starting + busy + idle + frozen;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const endAt = performance.now() + 60_000; !holds(); ) {
    if (performance.now() > endAt) assert.fail(`Not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
