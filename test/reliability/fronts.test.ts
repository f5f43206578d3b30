/** Front processes: who serves, what one that dies costs, and that none outlives its server. The suites of the listener itself have a way `linked`. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, recordOf, send } from "../client.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { RawClient } from "../raw-client.ts";
import { allRecords } from "./async-load.ts";
import { cannotCount } from "./footprint.ts";

const two = ["--front", "2", "--stem-cells", "none"];
const mebibyte = 1024 * 1024;
/** A connection of its own. */
const fresh = { connection: "close" };

const source = `
const { once } = require("node:events");
let running = 0;
const acts = {
  async hi(body) { let text = ""; for await (const piece of body) text += piece; return "hi " + text; },
  async wait(body, context) { await new Promise((resolve) => context.signal.addEventListener("abort", resolve)); },
  async late() { running++; await new Promise((resolve) => setTimeout(resolve, 5000)); return "late"; },
  running() { return String(running); },
  async slowly(body) { await new Promise((resolve) => setTimeout(resolve, 5000)); return acts.upload(body); },
  async upload(body) { let bytes = 0; for await (const piece of body) bytes += piece.length; return String(bytes); },
  async download(body, context) {
    const writer = context.writer();
    for (let i = 0; i < 512; i++) if (!writer.write(Buffer.alloc(65536))) await once(writer, "drain");
  },
};
exports.handler = (body, context) => acts[context.headers["x-act"] ?? "hi"](body, context);
exports.handler.streamed = true;
`;

/** Where calls meet: a call that is cancelled there takes the others with it. */
const shared = { concurrency: 64, sandboxesMax: 1, timeoutMs: 120_000 };
const alone = { concurrency: 1, sandboxesMax: 8, timeoutMs: 120_000 };

/** Process ids of a server's fronts, in the order they were started. */
function frontsOf(platform: Platform): number[] {
  const children = globSync(`/proc/${platform.pid}/task/*/children`).flatMap((file) => readOr(file).split(" "));
  const pids = children.filter((pid) => pid !== "" && readOr(`/proc/${pid}/cmdline`).includes("front-main"));
  return pids.map(Number).toSorted((a, b) => a - b);
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < giveUpAt, `${what} within 30 s`);
    await sleep(20);
  }
}

async function metricsText(platform: Platform): Promise<string> {
  return (await send("GET", `${platform.url}/metrics`, undefined, fresh)).text;
}

async function metricsOf(platform: Platform, name: string): Promise<number[]> {
  const text = await metricsText(platform);
  return [...text.matchAll(new RegExp(`^polykiln_${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))].map((match) => Number(match[1]));
}

const isReady = async (platform: Platform) =>
  (await send("GET", `${platform.url}/readyz`, undefined, fresh).catch(() => null))?.status === 200;

describe("front processes", { skip: cannotCount, timeout: 300_000 }, () => {
  let platform: Platform;
  let fn: DeployedFunction;
  let own: DeployedFunction;
  const clients: RawClient[] = [];
  const begin = async () => {
    platform = await startPlatform({ flags: two, env: inspectable });
    fn = await platform.deploy({ name: "shared", file: ["index.js", source], settings: shared });
    own = await platform.deploy({ name: "alone", file: ["index.js", source], settings: alone });
  };
  before(begin);
  after(async () => {
    for (const { socket } of clients) socket.destroy();
    await platform?.stop();
    // Not removed with a server that was given it.
    if (platform !== undefined) rmSync(platform.data, { recursive: true, force: true });
  });
  const client = (): RawClient => {
    const made = new RawClient(platform.port);
    clients.push(made);
    return made;
  };
  const act = (what: string, body?: string) => call(fn.invokeUrl, body, { "x-act": what, ...fresh });
  const post = (what: string, { invokeUrl } = fn, length = 2) =>
    `POST ${new URL(invokeUrl).pathname} HTTP/1.1\r\nHost: localhost\r\nX-Act: ${what}\r\nContent-Length: ${length}\r\n\r\nab`;
  /** Calls that run, of the function whose calls have a sandbox each. */
  const busy = async () => Number(/^polykiln_sandboxes\{state="busy"\} (\d+)$/m.exec(await metricsText(platform))?.[1]);

  test("both get connections, calls and management share one, and figures tell", async () => {
    for (let i = 0; i < 60; i++) assert.equal((await act("hi", String(i))).text, `hi ${i}`);
    await until("both have had some", async () =>
      (await metricsOf(platform, "front_accepted_total")).every((count) => count > 0),
    );
    assert.deepEqual(await metricsOf(platform, "fronts"), [2, 0]);
    const one = client().write(`${post("hi")}GET /kiln/v1/kinds HTTP/1.1\r\nHost: localhost\r\n\r\n${post("hi")}`);
    await one.until(/hi ab[^]*"nodejs:24"[^]*hi ab$/);
    const id = (await act("hi")).activationId;
    assert.equal((await recordOf(platform.url, id)).status, "success");
  });

  test("what a client says of itself is not believed", async () => {
    const { pathname } = new URL(fn.invokeUrl);
    const one = client().write(`POST ${pathname} HTTP/1.1\r\nHost: localhost\r\n:loopback: 1\r\nContent-Length: 0\r\n\r\n`);
    await one.until(/^HTTP\/1.1 400 /);
    const open = await startPlatform({ flags: [...two, "--listen", "0.0.0.0:0"] });
    try {
      for (const path of ["/invoke/01JD0000000000000000000001", "/kiln/v1/namespaces/guest/apps/a/functions/f/invoke"]) {
        const url = `http://127.0.0.1:${open.port}${path}`;
        assert.equal((await call(url, "", { "x-forwarded-for": "127.0.0.1", peer: "127.0.0.1" })).status, 401);
        assert.equal((await call(url, "", { authorization: `Bearer ${open.auth}` })).status, 404);
      }
      assert.equal((await send("GET", `http://127.0.0.1:${open.port}/kiln/v1/namespaces`)).status, 401);
    } finally {
      await open.stop();
    }
  });

  test("a client that goes away cancels its call", async () => {
    const known = (await allRecords(platform)).length;
    const one = client().write(post("wait", own));
    await until("it runs", async () => (await busy()) === 1);
    one.socket.destroy();
    await until("it is over", async () => (await allRecords(platform)).length > known);
    assert.equal((await recordOf(platform.url, String((await allRecords(platform))[0]?.id))).status, "cancelled");
  });

  test("slow readers and slow uploads cost no memory", async (t) => {
    const memoryBefore = await memoryOf(platform);
    const slow = await Promise.all(Array.from({ length: 8 }, () => begun(fn.invokeUrl, "download")));
    const uploads = Array.from({ length: 6 }, () => client().write(post("slowly", own, 16_000_002)));
    await until("they run", async () => (await busy()) === 7);
    for (const upload of uploads) for (let i = 0; i < 16; i++) upload.write("x".repeat(1_000_000));
    await until("they stand", async () => {
      const seen = waitingIn(uploads);
      await sleep(300);
      return seen === waitingIn(uploads);
    });
    const grown = (await memoryOf(platform)).map((now, process) => Math.round(now - (memoryBefore[process] as number)));
    t.diagnostic(`MiB more in the core and in each front: ${grown.join(", ")}`);
    assert.ok(Math.max(...grown) < 40, `${grown} MiB are kept of 14 bodies of 16 MiB and more`);
    await Promise.all(uploads.map((upload) => upload.until(/16000002$/, 60_000)));
    const sizes = await Promise.all(slow.map(sizeOf));
    assert.deepEqual(
      sizes,
      slow.map(() => 32 * mebibyte),
    );
    assert.equal((await act("upload", "u".repeat(3_000_000))).text, "3000000");
    await until("nothing runs", async () => (await busy()) === 0);
  });

  test("kill -9 of one costs its connections; their calls are cancelled, and another one is started", async () => {
    const [victim, other] = frontsOf(platform) as [number, number];
    const waiting = Array.from({ length: 6 }, () => client().write(post("wait", own)));
    const idle = Array.from({ length: 24 }, () => client().write(post("hi")));
    await Promise.all(idle.map((one) => one.until(/hi ab$/)));
    await until("all run", async () => (await busy()) === 6);
    process.kill(victim, "SIGKILL");
    await until("its connections are closed", () => closedOf(idle) > 0);
    for (let i = 0; i < 20; i++) assert.equal((await act("hi").catch(() => null))?.status ?? 200, 200);
    await until("their calls are cancelled", async () => (await busy()) === 6 - closedOf(waiting));
    await until("there are two again", async () => frontsOf(platform).length === 2 && (await isReady(platform)));
    assert.ok(frontsOf(platform).includes(other) && !frontsOf(platform).includes(victim));
    assert.ok(closedOf([...idle, ...waiting]) < 30, "those of the other one stay");
    for (const { socket } of waiting) socket.destroy();
    await until("nothing runs", async () => (await busy()) === 0);
    assert.deepEqual(await metricsOf(platform, "front_restarts_total"), [1]);
  });

  test("kill -9 of all: the server stays and starts others", async () => {
    for (const pid of frontsOf(platform)) process.kill(pid, "SIGKILL");
    await until("there are two again", async () => frontsOf(platform).length === 2 && (await isReady(platform)));
    assert.equal((await act("hi", "x")).text, "hi x");
  });

  test("another server on the same port: exit 2, and it says who holds it", async () => {
    const main = new URL("../../src/roles/main.ts", import.meta.url).pathname;
    for (const front of ["0", "2"]) {
      const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
      const flags = ["start", "--listen", `127.0.0.1:${platform.port}`, "--front", front, "--data", data];
      const child = spawn(process.execPath, [main, ...flags], { stdio: ["ignore", "ignore", "pipe"], timeout: 60_000 });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const [code] = (await once(child, "close")) as [number];
      rmSync(data, { recursive: true });
      assert.equal(code, 2, said);
      const pids = frontsOf(platform).join("|");
      assert.match(said, new RegExp(`127\\.0\\.0\\.1:${platform.port} is taken by .*\\(pid (${pids})\\)`));
    }
  });

  test("SIGTERM, also to the fronts: what runs is answered, and nothing is left", async () => {
    const pids = frontsOf(platform);
    const idle = client().write(post("hi"));
    await idle.until(/hi ab$/);
    const running = Array.from({ length: 6 }, () => client().write(post("late")));
    await until("they run", async () => (await act("running")).text === "6");
    for (const pid of pids) process.kill(pid, "SIGTERM");
    const stopped = platform.stop();
    await Promise.all(running.map((one) => one.until(/ 200 OK[^]*Connection: close[^]*late$/, 30_000)));
    assert.equal(await stopped, 0);
    await Promise.all([idle, ...running].map(({ closed }) => closed));
    for (const pid of pids) assert.equal(readOr(`/proc/${pid}/cmdline`), "");
    await begin();
  });

  test("kill -9 of the server under load: its fronts end, and the port is free", async () => {
    const pids = frontsOf(platform);
    const load = Array.from({ length: 8 }, () => client().write(post("hi").repeat(200)));
    await Promise.all(load.map((one) => one.until(/hi ab/)));
    await platform.crash();
    await until("they are gone", () => pids.every((pid) => readOr(`/proc/${pid}/cmdline`) === ""));
    await Promise.all(load.map(({ closed }) => closed));
    platform = await startPlatform({ data: platform.data, flags: [...two, "--listen", `127.0.0.1:${platform.port}`] });
    assert.equal((await call(fn.invokeUrl, "", fresh)).status, 200);
  });
});

/** MiB in use: of the core and of both fronts. */
const memoryOf = (platform: Platform) => Promise.all([0, 1, 2].map((front) => liveMiB(platform, front)));

const waitingIn = (clients: readonly RawClient[]) => clients.map(({ socket }) => socket.writableLength).join();

const closedOf = (clients: readonly RawClient[]) =>
  clients.filter(({ socket }) => socket.readableEnded || socket.destroyed).length;

/** The head of an answer that nobody reads yet. */
async function begun(url: string, what: string): Promise<IncomingMessage> {
  const asked = request(url, { method: "POST", headers: { "x-act": what }, agent: false });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return response;
}

async function sizeOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const piece of response) bytes += (piece as Buffer).length;
  return bytes;
}
