/** The platform's own API from within a function: as anybody with a key, never as somebody on this machine. */
import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { call } from "../client.ts";
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

  async function asked(name: string, egress: unknown, event: object): Promise<unknown> {
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
    assert.deepEqual(await asked("listed", ["platform"], { path }), { status: 401 });
    assert.deepEqual(await asked("listed", ["platform"], { path, key: platform.auth }), { status: 200 });
  });

  test("without `platform` in its list a function does not find it", async () => {
    for (const [name, egress] of Object.entries({ open: "internet", closed: "none", other: ["10.0.0.1:80"] })) {
      // What the machine's resolver says of the name, if there is one that answers, or that there is no such name.
      const { error } = (await asked(name, egress, { path: "/" })) as { error: string };
      assert.match(error, /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL)$/);
    }
  });
});

/** Its network, and what of the machine's loopback it reaches. */
const where = `
exports.handler = async ({ port }) => {
  const network = require("node:fs").readlinkSync("/proc/self/ns/net");
  const reached = await fetch("http://127.0.0.1:" + port + "/version", { signal: AbortSignal.timeout(5000) }).then(() => true, () => false);
  return { network, reached };
};`;

describe("the first starts of a server", { skip: cannotNetwork, timeout: 240_000 }, () => {
  for (const first of ["none", "internet"] as const) {
    test(`what starts while the network is being made, with egress ${first} first, is never in the machine's`, async () => {
      const platform = await startPlatform();
      try {
        for (const egress of [first, "internet", ["platform"], "none"]) {
          const settings = { kind: "nodejs:24", egress };
          const name = `on-${String(egress)}`;
          const { invokeUrl } = await platform.deploy({ name, file: ["index.js", `${where}// ${name}`], settings });
          const { network, reached } = (await call(invokeUrl, { port: platform.port })).json;
          assert.notEqual(network, readlinkSync("/proc/self/ns/net"), name);
          assert.equal(reached, false, name);
        }
      } finally {
        await platform.stop();
      }
    });
  }
});
