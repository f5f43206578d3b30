import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { noDocker, startEngine, type TestEngine } from "../../../test/docker.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../../../test/image-registry.ts";
import { layerOf, makeImage, pushImage, testRegistry } from "../../../test/images.ts";
import { realWorld } from "../../lib/world.ts";
import type { PlatformError } from "../../model/error.ts";
import { DockerImages } from "./images.ts";

describe("images of docker", { skip: noDocker ?? noImageRegistry, timeout: 180_000 }, () => {
  let engine: TestEngine;
  let registry: ImageRegistry;
  const said: string[] = [];

  before(async () => {
    engine = await startEngine();
    registry = await startImageRegistry({ user: { name: "ada", password: "l0velace" } });
    for (const name of ["one", "two", "three"]) {
      const data = layerOf([{ name: "data", data: randomBytes(700 * 1024) }]);
      const config = { Entrypoint: ["/bin/run"], Cmd: ["it"], Env: ["PATH=/bin", "A=b=c", "EMPTY="] };
      await pushImage(`${registry.host}/${name}:1`, makeImage([data], config, { docker: true }), {
        ...testRegistry,
        credentialsFile: registry.credentialsFile,
      });
    }
  });
  after(async () => {
    await registry?.stop();
    await engine?.remove();
  });

  const open = (options: { cacheMiB?: number; credentialsFile?: string; stateFile?: string } = {}) =>
    new DockerImages({
      engine: engine.engine,
      world: realWorld(),
      say: (message) => said.push(message),
      credentialsFile: registry.credentialsFile,
      cacheMiB: 0,
      pullTimeoutMs: 60_000,
      stateFile: `${engine.folder}/images.json`,
      ...options,
    });
  const isThere = (name: string) =>
    engine.engine.image(`${registry.host}/${name}:1`).then(
      () => true,
      () => false,
    );

  test("who proves nothing gets nothing", async () => {
    await assert.rejects(open({ credentialsFile: "" }).ready(`${registry.host}/one:1`), (error: PlatformError) => {
      assert.match(error.message, /^Failed to pull image '127\.0\.0\.1:\d+\/one:1': .*(no basic auth|unauthorized|denied)/i);
      return error.code === "registry_failed";
    });
  });

  test("one that the registry does not have", async () => {
    await assert.rejects(open().ready(`${registry.host}/none:1`), (error: PlatformError) => {
      assert.deepEqual([error.code, error.details["status"]], ["registry_failed", 404], error.message);
      return error.message.startsWith("Failed to pull image ");
    });
  });

  test("what is no name of an image is not asked for", async () => {
    for (const bad of ["../containers/json", "host.test/Upper/case", "a b", "x?y=z", ""]) {
      await assert.rejects(open().ready(bad), (error: PlatformError) => error.code === "invalid");
    }
  });

  test("a private image is pulled once for all who want it, and says how it is run", async () => {
    said.length = 0;
    const images = open();
    const found = await Promise.all([1, 2, 3].map(() => images.ready(`${registry.host}/one:1`)));
    const [{ id, ...told }] = found as [(typeof found)[0]];
    assert.match(id, /^sha256:/);
    const env = { PATH: "/bin", A: "b=c", EMPTY: "" };
    assert.deepEqual(told, { entryPoint: ["/bin/run"], command: ["it"], env, user: "", workingFolder: "/" });
    assert.equal(said.filter((line) => /pulls the image .*\/one:1, which/.test(line)).length, 1);
  });

  test("the least recently used go, as far as we pulled them, and a new server remembers", async () => {
    await open().ready(`${registry.host}/two:1`);
    const images = open({ cacheMiB: 1 });
    await images.ready(`${registry.host}/one:1`);
    await images.ready(`${registry.host}/three:1`);
    assert.deepEqual(await Promise.all(["one", "two", "three"].map(isThere)), [false, false, true]);
    await open().ready(`${registry.host}/one:1`);
    const others = open({ cacheMiB: 1, stateFile: `${engine.folder}/others.json` });
    await others.ready(`${registry.host}/two:1`);
    assert.deepEqual(await Promise.all(["one", "two", "three"].map(isThere)), [true, true, true], "what others pulled stays");
  });

  test("one that a container uses stays", async () => {
    const { id } = await open().ready(`${registry.host}/one:1`);
    const container = await engine.engine.create("uses-it", { Image: id });
    await engine.engine.removeImage(`${registry.host}/two:1`);
    await open({ cacheMiB: 1 }).ready(`${registry.host}/two:1`);
    assert.deepEqual(await Promise.all(["one", "two"].map(isThere)), [true, true]);
    await engine.engine.remove(container);
  });
});
