/**
 * Functions that go wrong in every way: each caller gets the documented status and the cause, others are served meanwhile, and
 * nothing is left behind.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../src/model/limits.ts";
import { type Answer, call, linesOf, recordOf } from "../client.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { type Bystander, startBystander } from "./bystander.ts";
import { assertGone, cannotCount, type Footprint, type Instance, instanceOf, settled, steady } from "./footprint.ts";
import {
  misbehaviours,
  type Misbehaviour,
  onPort,
  onSocket,
  rawHttpServer,
  rawKit,
  rawServer,
  startTimeoutMs,
} from "./misbehaving.ts";

/** A neighbour's hot call takes a millisecond. So much longer than a plain server's at the same time, which meets the same stalls of the machine, it may take. */
const neighbourMsMax = 1500;

let platform: Platform;
let neighbour: DeployedFunction;
let bystander: Bystander;
let instance: Instance;
let atFirst: Footprint;

describe("faults", { skip: cannotCount, concurrency: 3, timeout: 240_000 }, () => {
  before(async () => {
    // Stem cells come and go by themselves.
    const flags = ["--stem-cells", "none"];
    bystander = await startBystander();
    platform = await startPlatform({ flags, env: { ...inspectable, POLYKILN_START_TIMEOUT_MS: String(startTimeoutMs) } });
    neighbour = await platform.deploy({
      name: "neighbour",
      file: ["index.js", "exports.handler = (event) => event"],
      settings: { idleTimeoutMs: 3_600_000, concurrency: 16, sandboxesMax: 1 },
    });
    await assertServed();
    // What is made once, for the first function on a port and the first in Python, is no leak.
    const python = await deploy("python", ["main.py", "def handler(event, context): return event"], { kind: "python:3.11" });
    assert.equal((await call(python.fnUrl)).status, 200);
    const echo = 'b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n"';
    const first = await deploy("first", ["main.py", rawServer(onPort, echo)], rawHttpServer);
    assert.equal((await call(first.fnUrl)).status, 200);
    await deleteAll();
    instance = instanceOf(platform.pid, platform.data);
    atFirst = await steady(instance);
  });
  after(async () => {
    try {
      await deleteAll();
      const atLast = await settled(instance, atFirst);
      for (const what of ["processes", "processesInGroups", "cgroups", "spawnerMounts", "files"] as const) {
        assert.equal(atLast[what], atFirst[what], what);
      }
    } finally {
      assert.equal(await platform.stop(), 0, platform.log());
      await bystander.stop();
    }
    await assertGone(instance, 30_000);
    assert.doesNotMatch(platform.log(), /"level":(50|"error")|Internal error/, "no fault of a function is ours");
  });

  for (const misbehaviour of misbehaviours) test(misbehaviour.name, () => check(misbehaviour));

  test("stdio: exits with a status", async () => {
    const fn = await deploy("status", ["main", "#!/bin/sh\necho half an answer; exit 9\n"], { kind: "native:1" });
    const { status, json } = await call(fn.invokeUrl);
    assert.deepEqual([status, json["code"]], [502, "function_failed"]);
    assert.match(String(json["message"]), /exited with status 9/);
  });

  test("JSON that is none: no code runs", async () => {
    for (const [kind, file] of [
      ["nodejs:24", ["index.js", "exports.handler = () => 'ran'"]],
      ["python:3.11", ["main.py", "def handler(event, context):\n    return 'ran'\n"]],
    ] as const) {
      const fn = await deploy(`json-${kind.slice(0, 2)}`, file, { kind });
      const ours = await call(fn.invokeUrl, '{"broken":', { "content-type": "application/json" });
      assert.equal(ours.status, 400);
      assert.match(String(ours.json["message"]), /not valid JSON/);
      const theirs = await call(fn.fnUrl, '{"broken":', { "content-type": "application/json" });
      assert.deepEqual([theirs.status, theirs.headers.get("fn-http-status")], [200, "400"], "as a kit's own status");
    }
  });

  for (const [name, settings, listen] of [
    ["http-port", rawHttpServer, onPort],
    ["http-stream", rawKit, onSocket],
  ] as const) {
    test(`${name}: an answer nobody asked for reaches nobody`, async () => {
      const twice = `b"".join(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(text), text) for text in (body, b"of " + body))`;
      const fn = await deploy(`${name}-twice`, ["main.py", rawServer(listen, twice)], settings);
      for (let round = 0; round < 5; round++) {
        const answer = await call(fn.invokeUrl, `call ${round}`);
        // Whether the second answer comes before the first one was passed on is chance.
        if (answer.status === 200) assert.equal(answer.text, `call ${round}`);
        else assert.match(answer.text, /"function_protocol".*sent more than its answer/);
      }
    });

    test(`${name}: an answer that breaks off cuts the connection`, async () => {
      const half =
        'b"HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf" if not connection.shutdown(socket.SHUT_RD) else b""';
      const text = rawServer(listen, half).replace(
        "connection.sendall",
        "(lambda data: (connection.sendall(data), os._exit(6)))",
      );
      const fn = await deploy(`${name}-half`, ["main.py", text], settings);
      const answer = await call(fn.fnUrl, "x").catch(() => null);
      // Where the end comes together with the beginning, nothing has been passed on yet and there is a whole answer, in Fn's words.
      if (answer !== null) assert.equal(answer.status, 502, answer.text);
      const record = await newestRecord(fn);
      assert.deepEqual([record.status, record.error?.code], ["developer_error", "function_exited"]);
      assert.match(record.error?.message ?? "", /exit code 6/);
    });
  }

  test("an answer over the limit is cut off", async () => {
    const text = `exports.handler = async function* () { for (let i = 0; i < 40; i++) yield Buffer.alloc(1 << 20); }`;
    const fn = await deploy("big", ["index.mjs", text.replace("exports.handler =", "export const handler =")], {
      memoryMiB: 256,
    });
    await assert.rejects(fetch(fn.fnUrl, { method: "POST" }).then((response) => response.arrayBuffer()));
    const record = await newestRecord(fn);
    assert.deepEqual([record.status, record.error?.code], ["developer_error", "response_too_large"]);
    assert.match(record.error?.message ?? "", new RegExp(`over the limit of ${limits.responseBytesMax} bytes`));
  });

  test("a flood of output: 1 MiB kept with a mark, memory flat, others served", async () => {
    const text = `import sys
def handler(event, context):
    while True:
        sys.stdout.write("x" * 99 + "\\n")
`;
    // On a busy machine it takes three seconds to print as much as is kept.
    const fn = await deploy("flood", ["main.py", text], { kind: "python:3.11", timeoutMs: 9000 });
    const liveBefore = await liveMiB(platform);
    const flood = call(fn.invokeUrl);
    let liveMax = 0;
    for (let round = 0; round < 20; round++) {
      await sleep(100);
      await assertServed();
      if (round % 4 === 3) liveMax = Math.max(liveMax, await liveMiB(platform));
    }
    const answer = await flood;
    assert.deepEqual([answer.status, answer.json["code"]], [504, "timeout"]);
    assert.ok(liveMax - liveBefore < 30, `live memory rose from ${liveBefore} to ${liveMax} MiB`);
    // The mark comes when all that was printed has been read.
    let lines: string[] = [];
    for (const giveUpAt = performance.now() + 20_000; performance.now() < giveUpAt; await sleep(100)) {
      lines = await linesOf(platform.url, answer.activationId, 1);
      if (lines.at(-1)?.startsWith("platform")) break;
    }
    const mark = lines.at(-1) ?? "";
    assert.match(mark, /^platform Output cut: \d+ bytes kept, \d+ bytes dropped/);
    // Where the disk is busy some of them are lost on their way to it, which the mark tells as well.
    const lostLines = Number(/(\d+) lines came faster/.exec(mark)?.[1] ?? 0);
    const keptBytes = lines.slice(0, -1).reduce((sum, line) => sum + line.length - "stdout".length, lostLines * 100);
    assert.ok(keptBytes <= limits.logBytesMax + 1 && keptBytes > limits.logBytesMax - 1000, `${keptBytes} bytes kept: ${mark}`);
  });
});

async function check(misbehaviour: Misbehaviour): Promise<void> {
  const { name, file, settings, status, code, message, fnMessage, dead } = misbehaviour;
  const marker = name.replaceAll(/[^a-z]+/g, "-");
  const fn = await deploy(marker, file, { ...settings, config: { MARKER: marker } });
  const ours = await callWhile(fn.invokeUrl);
  // At once: what is told as ended must have ended before it was told.
  if (dead) assert.deepEqual(processesMarked(marker), [], "alive when the answer was there");
  assert.deepEqual([ours.status, ours.json["code"]], [status, code], ours.text);
  assert.match(String(ours.json["message"]), message);
  const theirs = await callWhile(fn.fnUrl);
  if (dead) assert.deepEqual(processesMarked(marker), [], "alive when the answer was there");
  assert.equal(theirs.status, status, theirs.text);
  assert.match(String(theirs.json["message"]), fnMessage);
  const record = await recordOf(platform.url, theirs.activationId);
  assert.deepEqual([record.error?.code, record.start === "none"], [code, isStart(code, record.error?.message)]);
  await assertServed();
}

/** A failed start leaves a call without a sandbox. */
function isStart(code: string, message = ""): boolean {
  return code.includes("start") || message.includes("while it started") || message.includes("link");
}

const deploy = (name: string, file: Misbehaviour["file"], settings: Readonly<Record<string, unknown>>) =>
  platform.deploy({ name, file, settings: { memoryMiB: 96, ...settings } });

/** Calls, and sees to it that others are served as long as it runs. */
async function callWhile(url: string): Promise<Answer> {
  const answer = call(url, {});
  while ((await Promise.race([answer, sleep(100)])) === undefined) await assertServed();
  return await answer;
}

async function assertServed(): Promise<void> {
  const beganAt = performance.now();
  const [tookMs, bystanderMs] = await Promise.all([
    call(neighbour.fnUrl, { is: "served" }).then(({ status, text }) => {
      assert.deepEqual([status, text], [200, '{"is":"served"}']);
      return performance.now() - beganAt;
    }),
    bystander.wait(),
  ]);
  const said = `a neighbour waited ${Math.round(tookMs)} ms, a plain server beside it ${Math.round(bystanderMs)}`;
  assert.ok(atFirst === undefined || tookMs - bystanderMs < neighbourMsMax, said);
}

/** Processes with a function's setting in their environment: nobody else has it. */
function processesMarked(marker: string): string[] {
  return globSync("/proc/[0-9]*/environ").filter((file) => readOr(file).split("\0").includes(`MARKER=${marker}`));
}

async function newestRecord(fn: DeployedFunction) {
  // The client hears of a cut a moment before the record is closed.
  for (const giveUpAt = performance.now() + 20_000; ; await sleep(20)) {
    const list = await fetch(`${platform.url}/kiln/v1/namespaces/guest/activations?function=${fn.id}&limit=1`);
    const [newest] = ((await list.json()) as { items: { id: string }[] }).items;
    if (newest !== undefined) return await recordOf(platform.url, newest.id);
    assert.ok(performance.now() < giveUpAt, "there is no record");
  }
}

async function deleteAll(): Promise<void> {
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions`;
  const { items } = (await (await fetch(`${base}?limit=100`)).json()) as { items: { name: string }[] };
  const names = items.map(({ name }) => name).filter((name) => name !== "neighbour");
  await Promise.all(names.map((name) => fetch(`${base}/${name}`, { method: "DELETE" })));
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
