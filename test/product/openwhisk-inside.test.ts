/** OpenWhisk's client inside an action: with the key that the action is given it acts in its own namespace, as far as the namespace's egress lets it. */
import assert from "node:assert/strict";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { recordOf } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { userId } from "../security/egress-machine.ts";
import { cannotNetwork, cannotNetworkBy } from "../security/egress-world.ts";
import { whisk, type WhiskActivation } from "../whisk.ts";
import { pk } from "./pk.ts";

const hello = "function main({ name }) { return { greeting: 'hello ' + name }; }";

/** As it is documented: nothing is told to the client, which finds all in its environment. */
const caller = `
const openwhisk = require("openwhisk");
async function main({ name, key }) {
  try {
    const client = openwhisk(key === undefined ? {} : { api_key: key });
    return await client.actions.invoke({ name: "hello", params: { name }, blocking: true, result: true });
  } catch (error) {
    return { failed: String(error.error?.error ?? error.message) };
  }
}`;

const withKey = [{ key: "provide-api-key", value: true }];

describe("OpenWhisk's client inside an action", { skip: cannotNetwork, timeout: 300_000 }, () => attempts(startPlatform));

describe("the same of a server that is not root", { skip: cannotNetworkBy("pasta"), timeout: 300_000 }, () => {
  let folder = "";
  attempts(async () => {
    folder = mkdtempSync(join(tmpdir(), "kiln-user-"));
    chownSync(folder, userId, userId);
    const program = join(import.meta.dirname, "../security/user-main.ts");
    const env = { HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
    return await startPlatform({ program, data: join(folder, "data"), env });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
});

function attempts(started: () => Promise<Platform>): void {
  let platform: Platform;

  before(async () => {
    platform = await started();
    await put("hello", hello);
    await put("keyed", caller, withKey);
    await put("keyless", caller);
  });
  after(() => platform?.stop());

  async function put(name: string, code: string, annotations: readonly object[] = [], memory = 256): Promise<void> {
    const body = { exec: { kind: "nodejs:default", code }, annotations, limits: { timeout: 60_000, memory } };
    const { status, body: said } = await whisk(platform, "PUT", `actions/${name}?overwrite=true`, body);
    assert.equal(status, 200, JSON.stringify(said));
  }

  async function call(name: string, params: object): Promise<unknown> {
    const { body } = await whisk(platform, "POST", `actions/${name}?blocking=true&result=true`, params);
    return body;
  }

  async function say(...entries: string[]): Promise<unknown> {
    const args = ["namespace", "egress", "guest", ...entries, "--json", "--api-url", platform.url];
    const { code, stdout, stderr } = await pk(args, { cwd: platform.data, env: { POLYKILN_DATA: platform.data } });
    assert.equal(code, 0, stderr);
    return (JSON.parse(stdout) as { egress: unknown }).egress;
  }

  test("an action that asks for the key calls another one, and no other setting is needed", async () => {
    assert.deepEqual(await call("keyed", { name: "you" }), { greeting: "hello you" });
  });

  test("it begins in a sandbox that waited, as any other", async () => {
    const asks = {
      name: "asks",
      code: "async function main() { return { status: (await fetch(process.env.__OW_API_HOST + '/api/v1')).status }; }",
    };
    const giveUpAt = performance.now() + 120_000;
    for (let start = "", number = 0; start !== "prewarmed"; number++) {
      assert.ok(performance.now() < giveUpAt, `the last one was ${start}`);
      await put(`${asks.name}${number}`, asks.code, withKey, 128);
      const { body } = await whisk<WhiskActivation>(platform, "POST", `actions/${asks.name}${number}?blocking=true`, {});
      assert.deepEqual(body.response.result, { status: 200 });
      start = (await recordOf(platform.url, body.activationId)).start;
    }
  });

  test("one that does not ask for it gets neither the key nor the way", async () => {
    assert.match(JSON.stringify(await call("keyless", { name: "you" })), /failed/);
    assert.match(JSON.stringify(await call("keyless", { name: "you", key: platform.auth })), /failed/);
  });

  test("what an operator says of the namespace holds at once, for actions that are there already", async () => {
    assert.equal(await say(), null);
    assert.equal(await say("none"), "none");
    assert.match(JSON.stringify(await call("keyed", { name: "you" })), /failed/);
    assert.deepEqual(await say("internet,platform"), ["internet", "platform"]);
    assert.deepEqual(await call("keyed", { name: "you" }), { greeting: "hello you" });
    const given = { name: "you", key: platform.auth };
    assert.deepEqual(await call("keyless", given), { greeting: "hello you" });
    assert.equal(await say("default"), null);
    assert.match(JSON.stringify(await call("keyless", given)), /failed/);
    assert.deepEqual(await call("keyed", { name: "you" }), { greeting: "hello you" });
  });
}
