/** Many calls at a time in one sandbox, over the contract that needs a connection for each of them. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

const calls = 600;

/** Answers nobody before all are there. */
const source = `
const held = [];
require("node:http").createServer((request, response) => {
  request.resume();
  held.push(response);
  if (held.length === ${calls}) for (const each of held.splice(0)) each.end("all are here");
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

let platform: Platform;
before(async () => {
  platform = await startPlatform();
});
after(() => platform.stop());

test("http-port: all calls that a function takes at a time run in one sandbox", { timeout: 180_000 }, async () => {
  const atRest = openFiles();
  const settings = {
    protocol: "http-port",
    command: ["node", "server.js"],
    concurrency: calls,
    sandboxesMax: 1,
    memoryMiB: 512,
    timeoutMs: 120_000,
    idleTimeoutMs: 600_000,
  };
  const { invokeUrl } = await platform.deploy({ name: "holds", file: ["server.js", source], settings });
  // The second time over connections that are there.
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(Array.from({ length: calls }, () => call(invokeUrl)));
    for (const { status, text } of answers) assert.deepEqual([status, text], [200, "all are here"]);
  }
  // Those to the sandbox go when nobody uses them, those of this client a little later.
  while (openFiles() > atRest + 100) await sleep(100);
});

const openFiles = () => readdirSync(`/proc/${platform.pid}/fd`).length;
