import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sandboxContract } from "../../../test/contract/sandbox.ts";
import { writePrograms } from "../../../test/contract/sandbox-programs.ts";
import { makeRoot } from "../../../test/root-folder.ts";
import { realWorld } from "../../lib/world.ts";
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
