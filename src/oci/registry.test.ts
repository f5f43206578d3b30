import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer } from "node:net";
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

/** Connects to `port`, whatever it is asked for; `asked` has what it was asked for, and `refuses` what it answers no to. */
async function startProxy(port: number, refuses: string): Promise<{ url: string; asked: string[]; stop(): void }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => {
      const name = /^CONNECT (\S+) /.exec(head.toString("latin1"))?.[1] ?? "";
      asked.push(name);
      if (name === refuses) return void socket.end("HTTP/1.1 403 No\r\n\r\n");
      socket.write("HTTP/1.1 200 Yes\r\n\r\n");
      socket.pipe(connect(port, "127.0.0.1").on("error", () => {})).pipe(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, stop: () => void server.close() };
}

test("registries are reached by a proxy where there is one, but for those on this machine", {
  skip,
  timeout: 60_000,
}, async () => {
  const server = await startImageRegistry({ tls: true });
  const proxy = await startProxy(Number(server.host.split(":")[1]), "refused.example:443");
  const way = { proxy: proxy.url, direct: ["inside.example"] };
  const settings = { ...testRegistry, certificatesFile: server.certificate, way, stallMs: 5000 };
  const registry = createRegistry(settings, realWorld());
  try {
    const image = makeImage([makeTar([{ name: "a", data: "b" }])], { Cmd: ["/hello"] });
    await pushImage(`${server.host}/team/hello:1`, image, settings);
    assert.deepEqual(proxy.asked, []);
    const reference = parseReference("registry.example/team/hello:1");
    const { digest, manifest } = await registry.resolve(reference, amd64, never);
    assert.equal(digest, image.digest);
    const [layer] = manifest.layers;
    assert.ok(layer !== undefined);
    assert.deepEqual(await bytesOf(registry.blob(reference, layer, never)), image.blobs[1]?.bytes);
    assert.deepEqual(new Set(proxy.asked), new Set(["registry.example:443"]));
    await assert.rejects(
      registry.resolve(parseReference("refused.example/a:1"), amd64, never),
      (error: PlatformError) =>
        error.code === "registry_failed" && /by the proxy: .* refused with status 403/.test(error.message),
    );
    await assert.rejects(registry.resolve(parseReference("inside.example/a:1"), amd64, never), /name inside\.example cannot/);
    await assert.rejects(registry.resolve(parseReference("169.254.169.254/a:1"), amd64, never), /no registry has/);
  } finally {
    registry.close();
    proxy.stop();
    await server.stop();
  }
});

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
