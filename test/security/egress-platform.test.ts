/** The platform's own API from within a function: as anybody with a key, never as somebody on this machine. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Platform, startPlatform } from "../platform.ts";
import { cannotNetwork } from "./egress-world.ts";

const source = `
exports.handler = async ({ path, key }) => {
  try {
    const headers = key === undefined ? {} : { authorization: "Bearer " + key };
    const response = await fetch(process.env.POLYKILN_URL + path, { headers, signal: AbortSignal.timeout(5000) });
    return { status: response.status };
  } catch (error) {
    return { error: String(error.cause?.code ?? error.name) };
  }
};`;

describe("egress to the platform", { skip: cannotNetwork, timeout: 120_000 }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform.stop());

  async function call(name: string, egress: unknown, event: object): Promise<unknown> {
    const settings = { kind: "nodejs:24", egress, config: { POLYKILN_URL: "http://platform" } };
    const { invokeUrl } = await platform.deploy({ name, file: ["index.js", source], settings });
    const response = await fetch(invokeUrl, {
      method: "POST",
      body: JSON.stringify(event),
      headers: { "content-type": "application/json" },
    });
    return await response.json();
  }

  test("a listener on loopback trusts who is on this machine, but no function: it needs a key", async () => {
    const path = "/kiln/v1/namespaces/guest/apps";
    assert.deepEqual(await call("listed", ["platform"], { path }), { status: 401 });
    assert.deepEqual(await call("listed", ["platform"], { path, key: platform.auth }), { status: 200 });
  });

  test("without `platform` in its list a function does not find it", async () => {
    for (const [name, egress] of Object.entries({ open: "internet", closed: "none", other: ["10.0.0.1:80"] })) {
      // What the machine's resolver says of the name, if there is one that answers, or that there is no such name.
      const { error } = (await call(name, egress, { path: "/" })) as { error: string };
      assert.match(error, /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL)$/);
    }
  });
});
