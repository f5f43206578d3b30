/** Sandboxes that are kept ready, as users of a server see them: no first call starts one, whatever ends them. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readState } from "../../src/sandbox/spawner/state.ts";
import { call, recordOf, send } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "./footprint.ts";

const kept = 4;
/** Its sandboxes are found by what is in their environment; a stem cell would not have it there. What compiles its code ahead has it, too. */
const mark = "kept-ready-by-a-test";
const settings = { provisioned: kept, idleTimeoutMs: 1000, sandboxesMax: 8, config: { MARK: mark, TZ: "UTC" } };
const source = (answer: string) => `
const own = require("node:crypto").randomUUID();
exports.handler = async () => {
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return { own, answer: "${answer}" };
};`;

describe("sandboxes that are kept ready", { skip: cannotCount, timeout: 300_000 }, () => {
  let data: string;
  let platform: Platform;
  let fn: DeployedFunction;
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-data-"));
    platform = await startPlatform({ data, flags: ["--memory-mib", "2048"] });
    fn = await platform.deploy({ name: "kept", file: ["index.js", source("one")], settings });
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const functionUrl = () => fn.invokeUrl.slice(0, -"/invoke".length);

  async function ready(): Promise<void> {
    await until("ready", async () => {
      const { provisioned } = (await send("GET", `${functionUrl()}/sandboxes`)).json as { provisioned: object };
      return JSON.stringify(provisioned) === JSON.stringify({ wanted: kept, ready: kept });
    });
  }

  /** As many calls at once: each finds a sandbox of its own, none is made for it. */
  async function callAll(expected: string): Promise<string[]> {
    const answers = await Promise.all(Array.from({ length: kept }, () => call(fn.invokeUrl, {})));
    assert.deepEqual(
      answers.map(({ status, json }) => `${status} ${String(json["answer"])}`),
      Array(kept).fill(`200 ${expected}`),
    );
    const records = await Promise.all(answers.map(({ activationId }) => recordOf(platform.url, activationId)));
    for (const { start } of records) assert.match(start, /^(?:hot|warm)$/);
    const own = answers.map(({ json }) => String(json["own"]));
    assert.equal(new Set(own).size, kept);
    return own.toSorted();
  }

  test("as many first calls at once find one each, also after the idle timeout, and always the same", async () => {
    await ready();
    const first = await callAll("one");
    await sleep(settings.idleTimeoutMs * 2);
    assert.deepEqual(await callAll("one"), first);
  });

  // By the second time it is frozen, and with it the program that would tell of its end.
  for (const [when, afterMs] of Object.entries({ "right after its call": 0, "when it was idle": 1000 })) {
    test(`one that is killed ${when} is replaced`, async () => {
      await ready();
      const first = await callAll("one");
      await sleep(afterMs);
      const [pid] = pidsWithMark();
      process.kill(pid as number, "SIGKILL");
      const isReplaced = async () => !pidsWithMark().includes(pid as number) && pidsWithMark().length === kept;
      await until("noticed and replaced", isReplaced);
      await ready();
      const now = await callAll("one");
      assert.equal(now.filter((own) => first.includes(own)).length, kept - 1);
    });
  }

  test("a deploy makes those of the new revision, and the old ones end", async () => {
    fn = await platform.deploy({ name: "kept", file: ["index.js", source("two")], settings });
    await ready();
    await callAll("two");
    await until("the old ones ended", async () => pidsWithMark().length === kept);
  });

  test("a server that was killed makes them again by itself", async () => {
    await platform.crash();
    platform = await startPlatform({ data, flags: ["--memory-mib", "2048"] });
    fn = { ...fn, invokeUrl: platform.url + new URL(fn.invokeUrl).pathname };
    await ready();
    await callAll("two");
  });

  test("more than fits is refused at deploy, and nothing is changed", async () => {
    const refused = async (change: object) => {
      const answer = await send("PUT", functionUrl(), JSON.stringify(change), { "content-type": "application/json" });
      return `${answer.status} ${String(answer.json["message"])}`;
    };
    assert.match(await refused({ provisioned: 8, memoryMiB: 512 }), /^400 provisioned is 8: .* 4096 MiB, .* at most 1638 MiB/);
    assert.match(await refused({ provisioned: 9 }), /^400 provisioned is 9, must be at most 8/);
    assert.match(await refused({ isolation: "fresh" }), /^400 provisioned is 4, must be 0: with isolation fresh/);
    assert.equal((await send("GET", functionUrl())).json["revision"], fn.revision);
    await ready();
  });

  /** The programs of the function's sandboxes, seen from here; bubblewrap's own processes have another environment. */
  function pidsWithMark(): number[] {
    const folders = readState(join(data, "sandboxes.json"))?.cgroupFolders ?? [];
    const files = folders.slice(0, 1).flatMap((folder) => globSync(`${folder}/*/cgroup.procs`));
    const pids = files.flatMap((file) => readOr(file).split("\n").filter(Boolean));
    return pids.filter(isMarked).map(Number);
  }
});

function isMarked(pid: string): boolean {
  const command = readOr(`/proc/${pid}/cmdline`);
  return readOr(`/proc/${pid}/environ`).includes(mark) && command.includes("main.cjs") && !command.includes("bwrap");
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < giveUpAt, `${what} within 60 s`);
    await sleep(20);
  }
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
