import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ProgramName, sandboxContract } from "../../../test/contract/sandbox.ts";
import { writePrograms } from "../../../test/contract/sandbox-programs.ts";
import { importFolder, noDocker, startEngine, type TestEngine } from "../../../test/docker.ts";
import { makeRoot } from "../../../test/root-folder.ts";
import { realWorld } from "../../lib/world.ts";
import type { Endpoint } from "../sandbox.ts";
import { DockerDriver } from "./driver.ts";

describe("docker", { skip: noDocker, timeout: 300_000 }, () => {
  let engine: TestEngine;
  let folder: string;
  let image: string;

  before(async () => {
    engine = await startEngine();
    folder = mkdtempSync(join(tmpdir(), "sandbox-test-"));
    writePrograms(`${folder}/code`);
    await importFolder(engine.engine, makeRoot(`${folder}/root`), "programs:1", []);
    image = (await engine.engine.image("programs:1")).Id;
  });
  after(async () => {
    await engine?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  let drivers = 0;
  const make = async () => ({
    driver: new DockerDriver({
      world: realWorld(),
      engine: engine.engine,
      warn: silent,
      idFile: `${folder}/id-${++drivers}`,
      network: "none",
      networks: null,
      shared: null,
    }),
    spec: (program: ProgramName) => ({
      root: null,
      image,
      code: `${folder}/code`,
      runtime: null,
      command: ["node", `/function/${program}.cjs`],
    }),
    release: async () => assert.deepEqual(await engine.engine.list("polykiln.server"), []),
  });
  // A container takes ten times as long as a sandbox of ours.
  sandboxContract("docker", make, 240_000);

  test("sockets are in a folder that both see: by a path of the engine's own, or in a volume", async () => {
    const here = `${engine.folder}/data/volumes/sockets/_data`;
    await send(engine.host, "/v1.41/volumes/create", { Name: "sockets" });
    for (const there of [here, "sockets"]) {
      const options = {
        world: realWorld(),
        engine: engine.engine,
        warn: silent,
        idFile: `${folder}/id-shared`,
        network: "none",
        networks: null,
      };
      const driver = new DockerDriver({ ...options, shared: { here, there } });
      for (const program of ["echo-unix", "echo-callback"] as const) {
        const endpoint: Endpoint =
          program === "echo-callback" ? { via: "callback" } : { via: "unix", folder: "/tmp/iofs", name: "l.sock" };
        const sandbox = await driver.create({
          id: program,
          root: null,
          image,
          code: `${folder}/code`,
          runtime: null,
          egress: "none",
          endpoint,
          output: silent,
          command: ["node", `/function/${program}.cjs`],
          env: { LISTEN: "/tmp/iofs/l.sock" },
          limits: { memoryMiB: 128, processesMax: 32, openFilesMax: 256, tmpMiB: 8, tmpFilesMax: 100 },
        });
        const connection = await sandbox.connect(AbortSignal.timeout(30_000));
        connection.write("hello");
        const [said] = (await once(connection, "data")) as [Buffer];
        assert.equal(said.toString(), "hello");
        await sandbox.stop();
      }
      await driver.close();
      assert.deepEqual(readdirSync(here), []);
    }
  });
});

function silent(): void {}

/** Asks the engine for what our client never does. */
async function send(host: string, path: string, body: object): Promise<void> {
  const headers = { "Content-Type": "application/json", Host: "docker" };
  const asked = request({ socketPath: host.slice("unix://".length), path, method: "POST", headers });
  asked.end(JSON.stringify(body));
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  answer.resume();
  assert.equal(answer.statusCode, 201);
}
