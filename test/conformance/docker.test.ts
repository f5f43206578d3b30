/** Images under Docker as users of Fn meet them: a real engine, the unmodified kit in an image, called through `/invoke`. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { call, linesOf, recordOf } from "../client.ts";
import { imageFunction, importFdkImage, noDocker, startEngine, type TestEngine } from "../docker.ts";
import { functionSource, npmKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";

describe("functions of images under docker", { skip: noDocker, timeout: 300_000 }, () => {
  let engine: TestEngine;
  let platform: Platform;

  before(async () => {
    engine = await startEngine();
    await importFdkImage(engine.engine, "registry.test/hello:0.0.1");
    platform = await startPlatform({ env: { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host } });
  });
  after(async () => {
    await platform?.stop();
    await engine?.remove();
  });

  test("the npm kit in an image answers as its code does in a sandbox of ours", async () => {
    const archive = await pack(
      { folder: functionSource("fdk-node") },
      { folder: await npmKit(["@fnproject/fdk@0.0.76"]), entries: ["node_modules"] },
    );
    const config = { GREETING: "from fn" };
    const settings = { kind: "nodejs:24", protocol: "http-stream", config };
    const code = await platform.deploy({ name: "hello", app: "app-code", archive, settings });
    const image = await imageFunction(platform.url, "hello", "registry.test/hello:0.0.1", { config });
    for (const body of [
      { name: "Ada", print: "words" },
      { throw: "too bad" },
      { raw: 300_000 },
      {},
      { exit: 3 },
      { name: "again" },
    ]) {
      const answers = await Promise.all([`${platform.url}/invoke/${image}`, code.fnUrl].map((url) => call(url, body)));
      const [ofImage, ofCode] = await Promise.all(answers.map(told));
      assert.deepEqual(ofImage, ofCode);
      await sameLines(answers.map(({ activationId }) => activationId));
    }
  });

  /** What was printed may come a moment after the answer, and of two streams in any order. */
  async function sameLines(ids: readonly string[]) {
    const giveUpAt = performance.now() + 20_000;
    for (;;) {
      const [ofImage, ofCode] = await Promise.all(ids.map(async (id) => (await linesOf(platform.url, id)).toSorted()));
      if (isDeepStrictEqual(ofImage, ofCode)) return;
      if (performance.now() > giveUpAt) assert.deepEqual(ofImage, ofCode);
      await sleep(50);
    }
  }

  /** All that two ways of running the same can have in common. */
  async function told({ status, text, headers, activationId }: Awaited<ReturnType<typeof call>>) {
    const record = await recordOf(platform.url, activationId);
    const own = /"(callId|deadline|app)":"[^"]*"/g;
    return {
      status,
      text: text.replaceAll(own, ""),
      type: headers.get("content-type"),
      fdk: headers.get("fn-fdk-version"),
      outcome: [record.status, record.error?.code],
    };
  }
});
