/** The life of sandboxes as users of a server see it: fresh ones, those of a server that was killed, and what becomes of calls when it stops. */
import assert from "node:assert/strict";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, call, send, type ShownRecord } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { assertGone, cannotCount, footprint, instanceOf } from "./footprint.ts";

const ownName = `
const own = require("node:crypto").randomUUID();
exports.handler = async ({ ms = 1 }) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { own };
};`;

/** Stem cells come and go by themselves. */
const ownOnly = ["--stem-cells", "none"];

describe("the life of sandboxes", { skip: cannotCount, timeout: 180_000 }, () => {
  let data: string;
  let platform: Platform;
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-data-"));
    platform = await startPlatform({ data, flags: ownOnly });
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  test("isolation fresh: every call gets a sandbox of its own, two at a time, and none stays", async () => {
    const settings = { isolation: "fresh", sandboxesMax: 2 };
    const fn = await platform.deploy({ name: "fresh", file: ["index.js", ownName], settings });
    const instance = instanceOf(platform.pid, data);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, processesOf(instance.state.cgroupFolders, "main.cjs"));
    }, 20);
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(fn.invokeUrl, { ms: 50 })));
    clearInterval(watch);
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 200),
    );
    assert.equal(new Set(answers.map(({ json }) => json["own"])).size, 8);
    assert.ok(most <= 2, `${most} at a time`);
    await until("none is left", () => processesOf(instance.state.cgroupFolders, "main.cjs") === 0);
  });

  test("a server and its spawner are killed while sandboxes are frozen and code is uploaded: the next server removes it all", async () => {
    for (const name of ["one", "two", "three"]) {
      const fn = await platform.deploy({ name, file: ["index.js", ownName], settings: { idleTimeoutMs: 3_600_000 } });
      assert.equal((await call(fn.invokeUrl, {})).status, 200);
    }
    const instance = instanceOf(platform.pid, data);
    await until("frozen", () => frozenCount(instance.state.cgroupFolders) === 3);
    assert.ok(footprint(instance).processesInGroups >= 3);
    process.kill(instance.spawnerPid, "SIGKILL");
    await platform.crash();
    const halfUploaded = join(data, "code", ".new-01JD0000000000000000000001");
    mkdirSync(halfUploaded);
    writeFileSync(join(halfUploaded, "part"), "half");
    platform = await startPlatform({ data, flags: ownOnly });
    await assertGone(instance, 60_000);
    assert.equal(existsSync(halfUploaded), false);
  });

  test("told to stop under load, it answers every call that it accepted", async (t) => {
    const fns = await Promise.all(
      ["slow-a", "slow-b"].map((name) =>
        platform.deploy({ name, file: ["index.js", ownName], settings: { concurrency: 4, sandboxesMax: 2 } }),
      ),
    );
    const load = startLoad(fns);
    await until("under load", () => load.answers.filter(({ status }) => status === 200).length >= 50);
    const long = call((fns[0] as DeployedFunction).invokeUrl, { ms: 3000 });
    await sleep(1000);
    const exitCode = await platform.stop();
    const broken = await load.ended();
    assert.equal((await long).status, 200, "a long call that was under way is answered");
    assert.equal(exitCode, 0, platform.log());
    const odd = load.answers.filter(({ status }) => status !== 200 && status !== 503);
    assert.deepEqual(
      odd.map(({ status, text }) => `${status} ${text}`),
      [],
    );
    platform = await startPlatform({ data, flags: ownOnly });
    const answered = new Set([...load.answers, await long].map(({ activationId }) => activationId));
    const accepted = (await records(platform)).filter((record) => record.function.startsWith("slow-"));
    const lost = accepted.filter(({ id }) => !answered.has(id));
    t.diagnostic(`${accepted.length} calls accepted, ${load.answers.length} answers, ${broken} refused without an answer`);
    assert.deepEqual(lost, [], "every call that has a record was answered");
    const ids = new Set(accepted.map(({ id }) => id));
    const unrecorded = load.answers.filter(({ status, activationId }) => status === 200 && !ids.has(activationId));
    assert.deepEqual(unrecorded, [], "every answer has a record");
  });
});

/** Callers that go on until the server takes no more connections. */
function startLoad(fns: readonly DeployedFunction[]) {
  const answers: Answer[] = [];
  const caller = async (number: number): Promise<number> => {
    for (let n = 0; ; n++) {
      try {
        const { invokeUrl } = fns[n % fns.length] as DeployedFunction;
        answers.push(await call(invokeUrl, { ms: (number * 7 + n * 13) % 120 }));
      } catch (error) {
        // How `fetch` says that there was no answer: its connection was closed, or there was none.
        if (error instanceof TypeError) return 1;
        throw error;
      }
    }
  };
  const all = Promise.all(Array.from({ length: 12 }, (_, number) => caller(number)));
  return { answers, ended: async () => (await all).length };
}

async function records(platform: Platform): Promise<ShownRecord[]> {
  const items: ShownRecord[] = [];
  let cursor = "";
  do {
    const answer = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations?limit=100${cursor}`);
    assert.equal(answer.status, 200, answer.text);
    const page = answer.json as unknown as { items: ShownRecord[]; nextCursor: string | null };
    items.push(...page.items);
    cursor = page.nextCursor === null ? "" : `&cursor=${encodeURIComponent(page.nextCursor)}`;
  } while (cursor !== "");
  return items;
}

function frozenCount(folders: readonly string[]): number {
  const files = folders.flatMap((folder) => globSync(`${folder}/*/cgroup.events`));
  return files.filter((file) => /^frozen 1$/m.test(readOr(file))).length;
}

/** How many processes in the groups have this in their command line; bubblewrap's own, which repeat it, do not count. */
function processesOf(folders: readonly string[], text: string): number {
  const files = folders.slice(0, 1).flatMap((folder) => globSync(`${folder}/*/cgroup.procs`));
  const pids = files.flatMap((file) => readOr(file).split("\n").filter(Boolean));
  const lines = pids.map((pid) => readOr(`/proc/${pid}/cmdline`));
  return lines.filter((line) => line.includes(text) && !line.includes("bwrap")).length;
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!isSo()) {
    assert.ok(performance.now() < giveUpAt, `${what} within 30 s`);
    await sleep(20);
  }
}
