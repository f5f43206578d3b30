/**
 * Bodies that flow both ways through the whole platform: the first byte comes before the function ends, whoever reads slowly makes the
 * other end wait, and what the platform keeps meanwhile does not grow with the bodies.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../client.ts";
import { functionSource, goBuild } from "../kits.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type DeployedFunction, type Deployment, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "./footprint.ts";

const mebibyte = 1024 * 1024;
/** Each way; more than the buffers of connections take, and under the limit of bodies. */
const bodyMiB = 24;
const atATime = 6;

const node = `let open; const opened = new Promise((resolve) => { open = resolve; }); let written = 0;
const { once } = require("node:events");
const acts = {
  async upload(body) { await opened; let bytes = 0; for await (const piece of body) bytes += piece.length; return String(bytes); },
  async download(body, context) {
    const writer = context.writer();
    for (let i = 0; i < 384; i++) { if (!writer.write(Buffer.alloc(65536))) await once(writer, "drain"); written += 65536; }
  },
  async *first(body) { yield "one"; for await (const _ of body); yield "two"; },
  open() { open(); },
  written() { return String(written); },
};
exports.handler = (body, context) => acts[context.headers["x-act"]](body, context);
exports.handler.streamed = true;
`;

const python = `import threading
opened = threading.Event()
counts = [0]
def upload(body, context):
    opened.wait()
    return str(sum(map(len, body)))
def download(body, context):
    writer = context.writer()
    for _ in range(384):
        counts[0] += writer.write(bytes(65536))
def first(body, context):
    yield "one"
    body.read()
    yield "two"
def open_gate(body, context):
    opened.set()
def written(body, context):
    return str(counts[0])
acts = {"upload": upload, "download": download, "first": first, "open": open_gate, "written": written}
def handler(body, context):
    return acts[context.headers["x-act"]](body, context)
handler.streamed = True
`;

const languages: readonly (readonly [name: string, deployment: () => Promise<Omit<Deployment, "name">>])[] = [
  ["node", async () => ({ file: ["index.js", node] as const, settings: { kind: "nodejs:24" } })],
  ["python", async () => ({ file: ["handler.py", python] as const, settings: { kind: "python:3.11" } })],
  [
    "go",
    async () => ({
      archive: readFileSync(await goBuild(functionSource("streams-go"))),
      settings: { kind: "go:1", protocol: "frames" },
    }),
  ],
];

describe("streams", { skip: cannotCount, timeout: 300_000 }, () => {
  let platform: Platform;
  const deployed = new Map<string, DeployedFunction>();
  before(async () => {
    platform = await startPlatform({ env: inspectable });
    for (const [name, deployment] of languages) {
      const { settings, ...code } = await deployment();
      // One sandbox for all of it, so that the acts of one call are seen by another.
      const all = { ...settings, concurrency: 2 * atATime, sandboxesMax: 1, timeoutMs: 120_000 };
      deployed.set(name, await platform.deploy({ name, ...code, settings: all }));
    }
  });
  after(async () => {
    await platform?.stop();
  });
  const act = (name: string, what: string) => call(urlOf(name), undefined, { "x-act": what });
  const urlOf = (name: string) => (deployed.get(name) as DeployedFunction).invokeUrl;

  for (const [name] of languages) {
    test(`${name}: the caller has the first byte while it still sends`, async () => {
      const upload = begin(urlOf(name), "first");
      upload.request.write("a");
      const response = await upload.response;
      const pieces = response[Symbol.asyncIterator]();
      assert.equal(String((await pieces.next()).value), "one");
      upload.request.end("b");
      assert.equal(String((await pieces.next()).value), "two");
      assert.equal((await pieces.next()).done, true);
    });

    test(`${name}: a function that does not read makes its callers wait, and nobody keeps what they send`, async () => {
      await act(name, "written");
      const atFirst = await liveMiB(platform);
      const uploads = Array.from({ length: atATime }, () => new Upload(urlOf(name)));
      await stalled(() => uploads.map((upload) => upload.sentBytes));
      for (const { sentBytes } of uploads) assert.ok(sentBytes < bodyMiB * mebibyte, `${sentBytes} bytes were taken`);
      const grown = (await liveMiB(platform)) - atFirst;
      assert.ok(grown < 2 * atATime, `${grown} MiB more for ${atATime} bodies that wait`);
      await act(name, "open");
      for (const upload of uploads) assert.equal(await upload.answer, String(bodyMiB * mebibyte));
    });

    test(`${name}: a caller that does not read makes the function wait, and nobody keeps what it sends`, async () => {
      await act(name, "written");
      const atFirst = await liveMiB(platform);
      const downloads = Array.from({ length: atATime }, () => begin(urlOf(name), "download"));
      for (const download of downloads) download.request.end();
      const responses = await Promise.all(downloads.map((download) => download.response));
      const written = async () => Number((await act(name, "written")).text);
      let last = -1;
      for (let now = await written(); now !== last; now = await written()) {
        last = now;
        await sleep(300);
      }
      assert.ok(last < atATime * bodyMiB * mebibyte * 0.75, `${last} bytes were written`);
      const grown = (await liveMiB(platform)) - atFirst;
      assert.ok(grown < 2 * atATime, `${grown} MiB more for ${atATime} answers that wait`);
      for (const response of responses) assert.equal(await lengthOf(response), bodyMiB * mebibyte);
    });
  }
});

interface Begun {
  readonly request: ClientRequest;
  readonly response: Promise<IncomingMessage>;
}

/** A call whose body is still to come. */
function begin(url: string, what: string): Begun {
  const begun = request(url, { method: "POST", agent: false, headers: { "x-act": what, "transfer-encoding": "chunked" } });
  const response = new Promise<IncomingMessage>((resolve, reject) => begun.once("response", resolve).once("error", reject));
  begun.flushHeaders();
  return { request: begun, response };
}

/** Sends a body as fast as it is taken. */
class Upload {
  sentBytes = 0;
  readonly answer: Promise<string>;

  constructor(url: string) {
    const { request: sending, response } = begin(url, "upload");
    const piece = Buffer.alloc(65_536);
    const send = () => {
      while (this.sentBytes < bodyMiB * mebibyte) {
        this.sentBytes += piece.length;
        if (!sending.write(piece)) return;
      }
      sending.off("drain", send).end();
    };
    sending.on("drain", send);
    send();
    this.answer = response.then(async (answer) => (await answer.toArray()).join(""));
  }
}

/** Waits until figures have stopped changing for a while. */
async function stalled(figures: () => readonly number[]): Promise<void> {
  for (let last = ""; last !== figures().join(); ) {
    last = figures().join();
    await sleep(500);
  }
}

async function lengthOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const piece of response) bytes += (piece as Buffer).length;
  return bytes;
}
