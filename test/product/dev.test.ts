/** `polykiln dev`: serves, swaps what is saved, survives mistakes, shows calls, and leaves nothing. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Place } from "./command.ts";
import { client, Dev, untilServed } from "./dev-server.ts";

const yaml = "app: shop\nfunctions:\n  hello:\n    kind: nodejs:24\n";
const handler = (text: string) => `exports.handler = () => { console.log("said ${text}"); return { text: "${text}" }; };`;

describe("dev", { timeout: 240_000 }, () => {
  let place: Place;
  let folder: string;
  let env: Record<string, string>;
  const running: Dev[] = [];

  beforeEach(() => {
    place = new Place();
    folder = join(place.folder, "project");
    mkdirSync(folder);
    writeFileSync(join(folder, "kiln.yaml"), yaml);
    writeFileSync(join(folder, "index.js"), handler("first"));
    env = { ...place.env, XDG_CONFIG_HOME: place.folder };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((dev) => dev.stop()));
    await place.close();
  });

  const start = (...flags: string[]) => {
    const dev = new Dev(folder, env, flags);
    running.push(dev);
    return dev;
  };

  const inside = (...args: string[]) => place.run([...client, ...args], { cwd: folder, env });

  test("serves at one address, swaps saved code and settings, shows calls and lines; Ctrl-C leaves nothing", async () => {
    const dev = start();
    const { functions } = await dev.event("ready");
    const url = functions[0]?.url as string;
    await untilServed(url, "first");
    await dev.event("log", ({ text }) => text === "said first");
    await dev.event("call", ({ status }) => status === "success");

    writeFileSync(join(folder, "index.js"), handler("second"));
    await untilServed(url, "second");

    // How long a sandbox takes to be ready is the machine's business; a call before that would make one itself.
    let startType = "cold";
    const isFirst = () => startType === "cold" || startType === "prewarmed";
    for (let waitMs = 500; isFirst() && waitMs < 20_000; waitMs *= 2) {
      const swaps = dev.events.filter(({ event }) => event === "swapped").length;
      writeFileSync(join(folder, "index.js"), handler(`ready ${waitMs}`));
      await dev.until(() => dev.events.filter(({ event }) => event === "swapped").length > swaps);
      await sleep(waitMs);
      const calls = dev.events.filter(({ event }) => event === "call").length;
      await untilServed(url, `ready ${waitMs}`);
      startType = (await dev.until(() => dev.events.filter(({ event }) => event === "call")[calls])).start;
    }
    assert.ok(!isFirst(), "a sandbox of the new code is made ready before it is called");
    writeFileSync(join(folder, "index.js"), handler("second"));
    await untilServed(url, "second");

    writeFileSync(join(folder, "kiln.yaml"), "app: shop\nfunctions:\n  hello:\n    knd: nodejs:24\n");
    await dev.until(() => /"knd\\" is not a key here/.test(dev.stderr) || /knd.*is not a key here/.test(dev.stderr));
    await untilServed(url, "second");

    writeFileSync(join(folder, "kiln.yaml"), `${yaml}  more:\n    kind: nodejs:24\n`);
    await dev.event("swapped", ({ name }) => name === "more");
    await untilServed(url.replace("/hello/", "/more/"), "second");

    writeFileSync(join(folder, "index.js"), "exports.handler = (");
    await untilServed(url, "SyntaxError");
    writeFileSync(join(folder, "index.js"), handler("third"));
    await untilServed(url, "third");

    assert.equal(await dev.stop(), 0, dev.stderr);
    assert.deepEqual(place.processes(), []);
    assert.deepEqual(place.left(), []);
  });

  test("other commands of the folder find it; a second dev is refused; both go with it", async () => {
    const dev = start();
    const { url } = await dev.event("ready");
    const called = await inside("invoke");
    assert.deepEqual([called.code, called.stdout], [0, '{"text":"first"}'], called.stderr);
    const deployed = await inside("deploy");
    assert.deepEqual([deployed.code, deployed.stdout], [0, "no changes\n"], deployed.stderr);
    assert.match(deployed.stderr, new RegExp(`${url} \\(dev in this folder\\)`));
    const second = await inside("dev");
    assert.equal(second.code, 2);
    assert.match(second.stderr, /dev runs for this folder already/);
    assert.equal(await dev.stop(), 0);
    assert.match((await inside("invoke", "--api-url", url)).stderr, /E_UNREACHABLE/);
  });

  test("killed, it takes its server along", async () => {
    const dev = start();
    await dev.event("ready");
    dev.child.kill("SIGKILL");
    await dev.ended;
    const deadline = performance.now() + 60_000;
    while (place.processes().length > 0 && performance.now() < deadline) await sleep(50);
    assert.deepEqual(place.processes(), []);
  });

  test("a port that is in use is exit 2 with the way out", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = holder.address() as { port: number };
      const ended = await place.run([...client, "dev", "--listen", `127.0.0.1:${port}`], { cwd: folder, env });
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.stderr, new RegExp(`The address 127\\.0\\.0\\.1:${port} is in use \\[E_PORT_IN_USE\\]`));
      assert.match(ended.stderr, /fix: take a free one, polykiln dev --listen 127\.0\.0\.1:0/);
      assert.deepEqual(place.processes(), []);
      assert.equal(existsSync(join(folder, "dev.json")), false);
    } finally {
      holder.close();
    }
  });
});
