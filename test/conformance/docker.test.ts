/** Images under Docker as users of Fn meet them: a real engine, the unmodified kit in an image, called through `/invoke`. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { RunConfig } from "../../src/oci/oci.ts";
import { call, linesOf, put, recordOf } from "../client.ts";
import { imageFunction, importFdkImage, noDocker, startEngine, type TestEngine } from "../docker.ts";
import { noImageRegistry, startImageRegistry } from "../image-registry.ts";
import { layerOf, makeImage, nodeLayer, pushImage } from "../images.ts";
import { functionSource, npmKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Says who it is, where, and what it can do there. */
const probe = layerOf([
  {
    name: "probe.js",
    data: `
const fs = require("fs");
const written = (file) => { try { fs.writeFileSync(file, ""); return "ok"; } catch (error) { return error.code; } };
console.log(process.getuid() + ":" + process.getgid(), process.cwd(), process.env.PWD, process.env.HOME, process.env.OF, written("/tmp/x"));`,
  },
  { name: "etc/users", data: "root:x:0:0::/root:/bin/sh\nadmin:x:0:0::/root:/bin/sh\nada:x:4711:4712::/home/ada:/bin/sh\n" },
  { name: "etc/passwd", type: "2", target: "users" },
  { name: "etc/group", data: "users:x:4713:ada\n" },
]);

/** What an image says of its user and folder, and who runs: or what is told. */
const users: readonly (readonly [config: RunConfig, expected: readonly [uid: number, gid: number] | string])[] = [
  [{}, [1000, 1000]],
  [{ User: "root" }, [1000, 1000]],
  [{ User: "admin" }, [1000, 1000]],
  [{ User: "ada", WorkingDir: "/made/here" }, [4711, 4712]],
  [{ User: "65532", WorkingDir: "/tmp" }, [65_532, 1000]],
  [{ User: "65532:users" }, [65_532, 4713]],
  [{ User: "1001:0" }, [1001, 0]],
  [{ User: "eve" }, "is to run as eve, and knows no such user"],
  [{ User: "ada:nobody" }, "is to run as ada:nobody, and knows no such user or group"],
  [{ Cmd: null }, "does not say what to start"],
];

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

  test("user, folder and environment are what the image says, as in a sandbox of ours", { skip: noImageRegistry }, async () => {
    const registry = await startImageRegistry();
    const unpacked = await startPlatform();
    try {
      const layers = [nodeLayer(), probe];
      for (const [index, [config, expected]] of users.entries()) {
        const name = `${registry.host}/probe:${index}`;
        const { WorkingDir = "/" } = config;
        await pushImage(name, makeImage(layers, { Env: ["PATH=/bin", "OF=image"], Cmd: ["node", "/probe.js"], ...config }));
        const answers = await Promise.all(
          [platform, unpacked].map(async ({ url }) => {
            const base = `${url}/kiln/v1/namespaces/guest/apps/probes`;
            await put(base, {});
            await put(`${base}/functions/p${index}`, { image: name, protocol: "stdio" });
            return await call(`${base}/functions/p${index}/invoke`, "");
          }),
        );
        const [docker, ours] = answers.map(({ status, text }) => ({
          status,
          text: text.trim().replace(/"requestId":"[^"]*"/, ""),
        }));
        assert.deepEqual(docker, ours);
        const said =
          typeof expected === "string"
            ? new RegExp(expected)
            : new RegExp(`^${expected.join(":")} ${WorkingDir} ${WorkingDir} /tmp image ok$`);
        assert.match(docker?.text ?? "", said);
      }
    } finally {
      await unpacked.stop();
      await registry.stop();
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
