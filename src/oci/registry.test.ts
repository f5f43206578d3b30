import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "../lib/world.ts";
import type { PlatformError } from "../model/error.ts";
import { noImageRegistry, startImageRegistry } from "../../test/image-registry.ts";
import { makeImage, pushImage, testRegistry } from "../../test/images.ts";
import { makeTar } from "../../test/archives.ts";
import { parseReference } from "./reference.ts";
import { createRegistry } from "./registry.ts";

const never = new AbortController().signal;
const amd64 = { os: "linux", architecture: "amd64" };
const skip = noImageRegistry ?? false;

async function bytesOf(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** A layer that is sent in several parts. */
const largeLayer = () => makeTar([{ name: "large", data: Buffer.alloc(17 * 1024 * 1024, 7) }]);

for (const [name, options] of [
  ["plain", {}],
  ["with a password", { user: { name: "ada", password: "secret:1" } }],
  ["with TLS and a password", { user: { name: "ada", password: "secret:1" }, tls: true }],
] as const) {
  test(`what is pushed to a registry is pulled from it: ${name}`, { skip, timeout: 120_000 }, async () => {
    const server = await startImageRegistry(options);
    const certificatesFile = "tls" in options ? server.certificate : "";
    const settings = { ...testRegistry, credentialsFile: server.credentialsFile, certificatesFile };
    const registry = createRegistry(settings, realWorld());
    try {
      const reference = parseReference(`${server.host}/team/hello:1`);
      const image = makeImage([largeLayer()], { Cmd: ["/hello"] }, { compression: "none" });
      assert.equal(await pushImage(`${server.host}/team/hello:1`, image, settings), image.digest);
      const { digest, manifest, config } = await registry.resolve(reference, amd64, never);
      assert.equal(digest, image.digest);
      assert.deepEqual(config.config?.Cmd, ["/hello"]);
      const [layer] = manifest.layers;
      assert.ok(layer !== undefined);
      assert.deepEqual(await bytesOf(registry.blob(reference, layer, never)), image.blobs[1]?.bytes);
      // What is there is not sent again.
      const source = { ...layer, read: () => assert.fail("it is read again") };
      assert.equal(await registry.pushBlob(reference, source, never), false);
      await assert.rejects(
        registry.resolve(parseReference(`${server.host}/team/hello:2`), amd64, never),
        (error: PlatformError) =>
          error.code === "registry_failed" && error.details["status"] === 404 && /manifest unknown/.test(error.message),
      );
    } finally {
      registry.close();
      await server.stop();
    }
  });
}

test("a registry that wants credentials says so, and is told them by nobody who has none", {
  skip,
  timeout: 60_000,
}, async () => {
  const server = await startImageRegistry({ user: { name: "ada", password: "secret" } });
  const registry = createRegistry(testRegistry, realWorld());
  try {
    await assert.rejects(
      registry.resolve(parseReference(`${server.host}/team/hello:1`), amd64, never),
      (error: PlatformError) =>
        error.details["status"] === 401 && /wants credentials for 127\.0\.0\.1:\d+, and there are none/.test(error.message),
    );
  } finally {
    registry.close();
    await server.stop();
  }
});
