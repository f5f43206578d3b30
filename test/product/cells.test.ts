/** Stem cells as a user meets them: first calls of deployed functions, what is told of them, and the setting. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTar, type TarEntry } from "../archives.ts";
import { call, recordOf } from "../client.ts";
import { goBuild } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "../reliability/footprint.ts";

const rules = [
  { kind: "nodejs", count: 1, reactive: { min: 1, max: 3, ttlMs: 5000, threshold: 1, increment: 1 } },
  { kind: "python", count: 1 },
  { kind: "go", count: 1, reactive: { min: 1, max: 3, ttlMs: 600_000, threshold: 1, increment: 1 } },
];

const sources = {
  "nodejs:24": ["index.js", "exports.handler = (event, context) => [event, context.config.GREETING, process.cwd()]"],
  "python:3.11": [
    "main.py",
    "import os\nseen = []\ndef handler(event, context):\n    seen.append(event)\n    return [seen[0], os.environ['GREETING'], os.getcwd()]",
  ],
} as const;

describe("stem cells of a platform", { skip: cannotCount, timeout: 300_000 }, () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-cells-"));
  let platform: Platform;
  const start = () => startPlatform({ data, flags: ["--stem-cells", JSON.stringify(rules)] });
  before(async () => {
    platform = await start();
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  test("none is made for nobody", async () => {
    await sleep(300);
    assert.deepEqual(await counts(), { starting: 0, ready: 0 });
  });

  for (const [kind, file] of Object.entries(sources)) {
    test(`a first call of ${kind} finds one, and the record says so`, async () => {
      const name = kind.replace(/\W/g, "-");
      const fn = await platform.deploy({ name, file, settings: { kind, config: { GREETING: "hello" } } });
      const other = await platform.deploy({ name: `${name}-2`, file, settings: { kind, config: { GREETING: "bye" } } });
      for (const [{ invokeUrl }, greeting] of [
        [fn, "hello"],
        [other, "bye"],
      ] as const) {
        await until("ready", async () => (await counts()).ready >= (kind === "nodejs:24" ? 1 : 2));
        const answer = await call(invokeUrl, { n: greeting });
        assert.deepEqual(JSON.parse(answer.text), [{ n: greeting }, greeting, "/function"]);
        const record = await recordOf(platform.url, answer.activationId);
        assert.equal(record.start, "prewarmed");
        assert.ok(record.initMs > 0 && record.createMs >= 0 && record.waitMs >= 0, JSON.stringify(record));
        assert.equal(record.billedUnits, Math.ceil((record.initMs + record.runMs) / 100));
      }
    });
  }

  test("many first calls at once are all answered, and the pool grows for a while", async () => {
    const [kind, file] = ["nodejs:24", sources["nodejs:24"]];
    const names = Array.from({ length: 6 }, (_, n) => `many-${n}`);
    const fns = await Promise.all(
      names.map((name) => platform.deploy({ name, file, settings: { kind, config: { GREETING: name } } })),
    );
    await until("ready", async () => (await counts()).ready >= 2);
    const answers = await Promise.all(fns.map(({ invokeUrl }, n) => call(invokeUrl, { n })));
    assert.deepEqual(
      answers.map(({ text }) => JSON.parse(text) as unknown),
      names.map((name, n) => [{ n }, name, "/function"]),
    );
    await until("grown", async () => (await counts()).ready >= 3);
    await until("shrunk", async () => (await counts()).ready === 2);
  });

  test("a program of its own becomes what a finished sandbox waits for", async () => {
    const binary = readFileSync(await goBuild(join(import.meta.dirname, "../../bench/parts/go-hello")));
    const starts: string[] = [];
    await until("prewarmed", async () => {
      const settings = { kind: "go:1", protocol: "frames", config: { GREETING: "hello" } };
      const { invokeUrl } = await platform.deploy({ name: `go-${starts.length}`, archive: binary, settings });
      const answer = await call(invokeUrl, {});
      assert.equal(answer.status, 200, answer.text);
      starts.push((await recordOf(platform.url, answer.activationId)).start);
      return starts.at(-1) === "prewarmed";
    });
    assert.ok(starts.slice(0, -1).every((each) => each === "cold"));
  });

  test("programs of their own that come together are all expected after some rounds", async () => {
    const binary = readFileSync(await goBuild(join(import.meta.dirname, "../../bench/parts/go-hello")));
    let rounds = 0;
    await until("prewarmed", async () => {
      const names = Array.from({ length: 3 }, (_, n) => `go-together-${rounds}-${n}`);
      const settings = { kind: "go:1", protocol: "frames" };
      const fns = await Promise.all(names.map((name) => platform.deploy({ name, archive: binary, settings })));
      // Those that were taken before are made again in their own time, of which a busy machine takes more.
      await sleep(100 * 2 ** rounds++);
      const answers = await Promise.all(fns.map(({ invokeUrl }) => call(invokeUrl, {})));
      const records = await Promise.all(answers.map(({ activationId }) => recordOf(platform.url, activationId)));
      return records.every((record) => record.start === "prewarmed");
    });
  });

  test("code of many files is laid out beforehand", async () => {
    const files = Array.from({ length: 150 }, (_, n): TarEntry => ({ name: `lib/${n}.txt`, data: "" }));
    const source = "exports.handler = () => require('node:fs').readdirSync(__dirname + '/lib').length";
    const archive = makeTar([...files, { name: "index.js", data: source }]);
    let count = 0;
    await until("prewarmed", async () => {
      await until("ready", async () => (await counts()).ready >= 2);
      const { invokeUrl } = await platform.deploy({ name: `many-files-${count++}`, archive, settings: { kind: "nodejs:24" } });
      // Nobody is told when it is.
      await sleep(200 * count);
      const answer = await call(invokeUrl, {});
      assert.equal(answer.text, "150");
      return (await recordOf(platform.url, answer.activationId)).start === "prewarmed";
    });
  });

  test("after a restart they are there before any call", async () => {
    await platform.stop();
    platform = await start();
    await until("ready", async () => (await counts()).ready >= 2);
  });

  test("when the server stops nothing is left of them", async () => {
    await platform.stop();
    const places = `${platform.data}/cells`;
    assert.deepEqual(existsSync(places) ? readdirSync(places) : [], []);
    assert.equal(existsSync(`${platform.data}/places`), false);
  });

  async function counts(): Promise<{ starting: number; ready: number }> {
    const text = await (await fetch(`${platform.url}/metrics`)).text();
    const of = (state: string) => Number(new RegExp(`^polykiln_stem_cells\\{state="${state}"\\} (\\d+)`, "m").exec(text)?.[1]);
    return { starting: of("starting"), ready: of("ready") };
  }
});

test("a setting that cannot be used is refused with its name", async () => {
  const wrong = [
    ["[", /--stem-cells.*neither none nor a list/],
    ['[{"kind":"nodejs:24"}]', /"count" that is not a whole number/],
    ['[{"kind":"nodejs:24","count":1,"memory":5}]', /unknown field "memory"/],
    ['[{"kind":"nodejs:24","count":1},{"kind":"nodejs:24","count":2}]', /nodejs:24 with 128 MiB twice/],
    ['[{"kind":"nodes:24","count":1}]', /Did you mean nodejs:24/],
  ] as const;
  for (const [setting, message] of wrong) {
    await assert.rejects(startPlatform({ flags: ["--stem-cells", setting] }), message);
  }
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endAt = performance.now() + 90_000; !(await holds()); await sleep(25)) {
    if (performance.now() > endAt) assert.fail(`Not so: ${what}`);
  }
}
