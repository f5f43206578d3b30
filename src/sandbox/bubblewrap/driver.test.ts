import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sandboxContract } from "../../../test/contract/sandbox.ts";
import { writePrograms } from "../../../test/contract/sandbox-programs.ts";
import { makeRoot } from "../../../test/root-folder.ts";
import { realWorld } from "../../lib/world.ts";
import type { SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { bubblewrapDriver } from "./driver.ts";

sandboxContract("bubblewrap", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
  chmodSync(folder, 0o755);
  writePrograms(`${folder}/code`);
  const root = makeRoot(`${folder}/root`);
  return {
    driver: bubblewrapDriver({ world: realWorld(), warn: () => {} }),
    spec: (program) => ({ root, code: `${folder}/code`, runtime: null, command: ["node", `/function/${program}.cjs`] }),
    release: () => rm(folder, { recursive: true }),
  };
});

/** Most sandboxes of this one are finished before they are asked for, as the ones before them were alike. */
sandboxContract("bubblewrap, finished beforehand", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
  chmodSync(folder, 0o755);
  writePrograms(`${folder}/code`);
  const root = makeRoot(`${folder}/root`);
  return {
    driver: bubblewrapDriver({ world: realWorld(), warn: () => {}, placesFolder: `${folder}/places` }),
    spec: (program) => ({ root, code: `${folder}/code`, runtime: null, command: ["/bin/node", `/function/${program}.cjs`] }),
    release: () => rm(folder, { recursive: true }),
  };
});

describe("finished sandboxes", { timeout: 60_000 }, () => {
  let folder: string;
  let root: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
    chmodSync(folder, 0o755);
    root = makeRoot(`${folder}/root`);
  });
  after(() => rm(folder, { recursive: true }));

  const codeOf = (name: string, files = 0) => {
    const code = join(folder, name);
    mkdirSync(`${code}/lib`, { recursive: true });
    for (let n = 0; n < files; n++) writeFileSync(`${code}/lib/${n}`, "");
    writeFileSync(`${code}/lib/name.cjs`, `module.exports = "${name}"`);
    const told =
      "[require('./lib/name.cjs'), process.cwd(), fs.readdirSync('/tmp').length, fs.statSync(__filename).nlink, process.env]";
    writeFileSync(
      `${code}/tell.cjs`,
      `const fs = require("node:fs"); fs.writeFileSync("/tmp/x", ""); console.log(JSON.stringify(${told}))`,
    );
    return code;
  };

  test("one that is like the last one gets its own code, limits and environment, and leaves nothing", () =>
    withDriver(async (driver, finished) => {
      const first = await start(driver, codeOf("first"), "a");
      assert.deepEqual([first.finished, first.links], [false, 1], "it was mounted");
      for (const name of ["second", "third", "fourth"]) {
        await finished();
        const { told, ...more } = await start(driver, codeOf(name), name);
        assert.deepEqual(told, { name, cwd: "/function", files: 1, env: { ...first.told.env, NAME: name } });
        assert.deepEqual(more, { finished: true, links: 2 });
        assert.equal(statSync(`${folder}/${name}/tell.cjs`).nlink, 1);
      }
      await finished();
      const { told, links } = await start(driver, codeOf("big", 150), "big");
      assert.deepEqual([told.name, links], ["big", 1], "too many files to link");
    }));

  test("those that are expected are there before the first one", () =>
    withDriver(async (driver, finished) => {
      driver.expect?.(specOf(codeOf("expected"), "x"), 2);
      await finished();
      const { told, ...more } = await start(driver, codeOf("come"), "come");
      assert.deepEqual([told.name, more], ["come", { finished: true, links: 2 }]);
    }));

  test("one whose layers are gone is not made, and others are all the same", () =>
    withDriver(async (driver, finished) => {
      driver.expect?.({ ...specOf(codeOf("layered"), "x"), layers: `${folder}/no-such-layers` }, 2);
      driver.expect?.(specOf(codeOf("beside"), "y"), 2);
      await finished();
      const { told, ...more } = await start(driver, codeOf("after"), "after");
      assert.deepEqual([told.name, more], ["after", { finished: true, links: 2 }]);
    }));

  /** `finished` resolves when two are. */
  async function withDriver(run: (driver: SandboxDriver, finished: () => Promise<void>) => Promise<void>): Promise<void> {
    const places = `${folder}/places`;
    const driver = bubblewrapDriver({ world: realWorld(), warn: () => {}, placesFolder: places });
    try {
      await run(driver, () => until(() => readdirSync(places).length >= 2));
    } finally {
      await driver.close();
    }
    assert.equal(existsSync(places), false);
  }

  const specOf = (code: string, id: string): Omit<SandboxSpec, "output"> => ({
    id,
    root,
    code,
    runtime: null,
    command: ["/bin/node", "/function/tell.cjs"],
    env: { NAME: id },
    egress: "none",
    endpoint: { via: "callback" },
    limits: { memoryMiB: 128, processesMax: 32, openFilesMax: 256, tmpMiB: 8, tmpFilesMax: 200 },
  });

  async function start(driver: SandboxDriver, code: string, id: string) {
    const text: string[] = [];
    const sandbox = await driver.create({ ...specOf(code, id), output: (_stream, data) => text.push(data.toString()) });
    const exit = await sandbox.exited;
    await sandbox.stop();
    assert.equal(exit.code, 0, text.join(""));
    const [name, cwd, files, links, env] = JSON.parse(text.join("")) as [string, string, number, number, object];
    return { told: { name, cwd, files, env }, finished: sandbox.finished, links };
  }
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("bubblewrap roots", { timeout: 60_000 }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
    writePrograms(`${folder}/closed/code`);
    chmodSync(`${folder}/closed`, 0o700);
  });
  after(() => rm(folder, { recursive: true }));

  async function printed(spec: { root: string; code: string; runFolder?: string }): Promise<string> {
    const text: string[] = [];
    const driver = bubblewrapDriver({ world: realWorld(), warn: () => {} });
    try {
      const sandbox = await driver.create({
        ...spec,
        id: "root",
        runtime: `${folder}/closed/code`,
        command: ["node", "/function/print.cjs"],
        env: {},
        egress: "none",
        endpoint: { via: "unix", folder: "/some/place", name: "s" },
        limits: { memoryMiB: 128, processesMax: 32, openFilesMax: 256, tmpMiB: 8, tmpFilesMax: 200 },
        output: (_stream, data) => text.push(data.toString()),
      });
      await sandbox.exited;
    } finally {
      await driver.close();
    }
    return text.join("");
  }

  test("a root needs none of the folders that others are mounted on, and is not changed", async () => {
    const root = makeRoot(`${folder}/closed/root`);
    for (const each of ["function", "runtime", "run", "proc", "dev", "tmp"]) await rm(`${root}/${each}`, { recursive: true });
    const entries = readdirSync(root);
    const lines = (await printed({ root, code: `${folder}/closed/code` })).trim().split("\n");
    assert.deepEqual(lines.toSorted(), ["one", "three", "two"]);
    assert.deepEqual(readdirSync(root), entries);
  });

  test("a folder that does not exist is told by its name", async () => {
    await assert.rejects(printed({ root: `${folder}/nowhere`, code: `${folder}/closed/code` }), /nowhere does not exist/);
  });

  test("a folder that is itself closed is told by its name, with the fix", async () => {
    chmodSync(folder, 0o755);
    await assert.rejects(
      printed({ root: `${folder}/closed/root`, code: `${folder}/closed` }),
      /closed to other users; give it mode 0755/,
    );
  });
});
