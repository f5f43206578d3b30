/**
 * A working day in short: `node test/reliability/soak.ts [minutes]` (30) lets callers of every kind call, deploys and deletes beside
 * them, and prints each minute what the server holds of the machine. At the end, with the load gone, it says whether anything was kept.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { call, send } from "../client.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { footprint, type Instance, instanceOf, residentMiB, steady } from "./footprint.ts";

const minutes = Number(process.argv[2] ?? 30);
const sampleEveryMs = Math.min(60_000, (minutes * 60_000) / 30);

const source = `
exports.handler = async ({ ms = 0, fail, lines = 0 }) => {
  for (let i = 0; i < lines; i++) console.log("line " + i);
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  if (fail) throw new Error("as asked");
  return "ok";
};`;

const counts = { sync: 0, async: 0, failed: 0, deploys: 0, refused: 0 };
const end = new AbortController();

const platform = await startPlatform({ env: inspectable });
try {
  await deploy("steady");
  await deploy("async", { delivery: { attemptsMax: 2, backoffMs: 50 } });
  const instance = instanceOf(platform.pid, platform.data);
  await call(urlOf("steady"), {});
  const callers = [
    untilEnd(callHot),
    untilEnd(callSlow),
    untilEnd(callFailing),
    untilEnd(sendAsync),
    untilEnd(createAndDelete),
    untilEnd(redeploy),
  ];
  const header = [
    "minute",
    "live MiB",
    "RSS MiB",
    "processes",
    "cgroups",
    "descriptors",
    "files",
    "sync",
    "async",
    "failed",
    "deploys",
    "refused",
  ];
  process.stdout.write(`${header.join("\t")}\n`);
  const beganAt = performance.now();
  while (performance.now() - beganAt < minutes * 60_000) {
    await sleep(sampleEveryMs);
    process.stdout.write(`${await row((performance.now() - beganAt) / 60_000, instance)}\n`);
  }
  end.abort();
  await Promise.all(callers);
  await emptied(platform);
  // Longer than the idle timeout of the functions: their sandboxes have ended.
  await sleep(5000);
  await steady(instance);
  process.stdout.write(`${await row(minutes, instance)}\tafter the load\n`);
} finally {
  process.exitCode = (await platform.stop()) === 0 ? 0 : 1;
}

async function row(minute: number, instance: Instance): Promise<string> {
  const { processes, cgroups, descriptors, files } = footprint(instance);
  const open = Object.values(descriptors).reduce((sum, count) => sum + count, 0);
  const { sync, async: accepted, failed, deploys, refused } = counts;
  return [
    minute.toFixed(1),
    await liveMiB(platform),
    residentMiB(instance.pid),
    processes,
    cgroups,
    open,
    files,
    sync,
    accepted,
    failed,
    deploys,
    refused,
  ].join("\t");
}

function urlOf(name: string): string {
  return `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/${name}/invoke`;
}

async function deploy(name: string, settings: object = {}): Promise<void> {
  await platform.deploy({
    name,
    file: ["index.js", `${source}\n// ${counts.deploys++}`],
    settings: { idleTimeoutMs: 2000, ...settings },
  });
}

async function untilEnd(turn: (number: number) => Promise<void>): Promise<void> {
  for (let number = 0; !end.signal.aborted; number++) await turn(number);
}

async function expect(url: string, body: object, status: number): Promise<void> {
  const answer = await call(url, body);
  if (answer.status !== status) counts.refused++;
}

async function callHot(number: number): Promise<void> {
  await expect(urlOf("steady"), { lines: number % 50 === 0 ? 100 : 0 }, 200);
  counts.sync++;
  await sleep(5);
}

async function callSlow(): Promise<void> {
  await expect(urlOf("steady"), { ms: 50 }, 200);
  counts.sync++;
}

async function callFailing(): Promise<void> {
  await expect(urlOf("steady"), { fail: true }, 502);
  counts.failed++;
  await sleep(50);
}

async function sendAsync(number: number): Promise<void> {
  await expect(`${urlOf("async")}?wait=none`, { fail: number % 20 === 0 }, 202);
  counts.async++;
  await sleep(40);
}

async function createAndDelete(number: number): Promise<void> {
  const name = `brief-${number}`;
  await deploy(name);
  await expect(urlOf(name), {}, 200);
  await send("DELETE", urlOf(name).replace(/\/invoke$/, ""));
  await sleep(200);
}

async function redeploy(): Promise<void> {
  await deploy("steady");
  await sleep(2000);
}

/** Waits until every accepted call is over. */
async function emptied({ url }: Platform): Promise<void> {
  for (let left = 600; left > 0; left--) {
    const text = (await send("GET", `${url}/metrics`)).text;
    if (!/^polykiln_queue_calls\{state="(?:ready|leased|running)"\} [1-9]/m.test(text)) return;
    await sleep(500);
  }
}
