/** What goes wrong with images and their engine, and what is left of it: nothing. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { realWorld } from "../../src/lib/world.ts";
import { DockerDriver } from "../../src/sandbox/docker/driver.ts";
import { call, recordOf } from "../client.ts";
import { imageFunction, importFdkImage, importScript, noDocker, startEngine, type TestEngine } from "../docker.ts";
import { type Platform, startPlatform } from "../platform.ts";

const hello = "registry.test/hello:0.0.1";

describe("docker", { skip: noDocker, timeout: 600_000 }, () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  let engine: TestEngine;
  let platform: Platform;

  before(async () => {
    engine = await startEngine();
    await importFdkImage(engine.engine, hello);
    platform = await start();
  });
  after(async () => {
    await platform?.stop();
    await engine?.remove();
    rmSync(data, { recursive: true, force: true });
  });

  const start = () => startPlatform({ data, env: { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host } });
  const containers = () => engine.engine.list("polykiln.server");
  const invoke = (id: string, body: object = {}) => call(`${platform.url}/invoke/${id}`, body);

  describe("a start that fails tells why", () => {
    const cases: readonly (readonly [name: string, script: string, changes: readonly string[], code: string, message: RegExp])[] =
      [
        ["ends", "echo my last words; exit 3", [], "function_start_failed", /exit code 3.*my last words/],
        ["no program", "", ['ENTRYPOINT ["/bin/nothing"]'], "function_start_failed", /exit code 127.*\/bin\/nothing/],
        ["no command", "", ["ENTRYPOINT []"], "invalid", /does not say what to start/],
        ["volume", "", ["VOLUME /data"], "invalid", /^image has Volume definition$/],
        [
          "memory",
          "exec dd if=/dev/zero of=/dev/null bs=128M",
          [],
          "function_out_of_memory",
          /ran out of memory while it started/,
        ],
        [
          "link elsewhere",
          "ln -s /run/other.sock /tmp/iofs/lsnr.sock; sleep 60",
          [],
          "function_protocol",
          /links out of its folder/,
        ],
        ["no socket", "echo nothing > /tmp/iofs/lsnr.sock; sleep 60", [], "function_protocol", /is not a socket/],
      ];
    for (const [name, script, changes, code, message] of cases) {
      test(name, async () => {
        const slug = name.replaceAll(" ", "-");
        await importScript(engine.engine, `registry.test/${slug}:1`, script, changes);
        const id = await imageFunction(platform.url, slug, `registry.test/${slug}:1`, { memory: 64 });
        const answer = await invoke(id);
        assert.ok(answer.status >= 400, answer.text);
        const { error } = await recordOf(platform.url, answer.activationId);
        assert.equal(error?.code, code, error?.message);
        assert.match(error?.message ?? "", message);
      });
    }

    test("an image that is nowhere", async () => {
      const id = await imageFunction(platform.url, "nowhere", "127.0.0.1:9/nowhere:1");
      const answer = await invoke(id);
      assert.equal(answer.status, 502, answer.text);
      assert.match(String(answer.json["message"]), /^Failed to pull image '127\.0\.0\.1:9\/nowhere:1': .+/);
    });
  });

  test("a hundred containers leave nothing", async () => {
    await importScript(engine.engine, "registry.test/stay:1", "exec sleep 1000");
    const image = (await engine.engine.image("registry.test/stay:1")).Id;
    const options = { world: realWorld(), engine: engine.engine, warn: () => {}, network: "none", networks: null, shared: null };
    const driver = new DockerDriver({ ...options, idFile: `${engine.folder}/id` });
    const limits = { memoryMiB: 64, processesMax: 16, openFilesMax: 64, tmpMiB: 4, tmpFilesMax: 100 };
    const endpoint = { via: "unix", folder: "/tmp/iofs", name: "lsnr.sock" } as const;
    const spec = {
      root: null,
      image,
      code: null,
      runtime: null,
      command: ["sleep", "1000"],
      env: {},
      egress: "none",
      endpoint,
      limits,
      output: () => {},
    } as const;
    const before_ = held();
    const round = async (index: number) => {
      const sandbox = await driver.create({ ...spec, id: `round-${index}` });
      if (index % 3 === 0) await sandbox.pause?.();
      await sandbox.stop();
    };
    for (let index = 0; index < 100; index += 4) await Promise.all([0, 1, 2, 3].map((more) => round(index + more)));
    await driver.close();
    assert.deepEqual(held(), before_);
    assert.deepEqual(
      (await containers()).filter(({ Labels }) => (Labels["polykiln.sandbox"] ?? "").startsWith("round-")),
      [],
    );
  });

  /** What containers make of the engine's: mounts, and volumes. */
  function held() {
    const volumes = `${engine.folder}/data/volumes`;
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .filter((line) => line.includes(volumes));
    return { mounts: mounts.length, volumes: readdirSync(volumes).toSorted() };
  }

  test("a container that somebody paused is killed when its call's time is up, and the next call has another", async () => {
    const id = await imageFunction(platform.url, "paused", hello, { timeout: 2 });
    assert.equal((await invoke(id)).status, 200);
    const container = (await containers()).find(({ Labels }) =>
      Labels["polykiln.sandbox"]?.startsWith(id.slice(-8).toLowerCase()),
    );
    await engine.engine.pause(container?.Id ?? "");
    assert.equal((await invoke(id)).status, 504);
    assert.equal((await invoke(id)).status, 200);
    assert.ok(!(await containers()).some(({ Id }) => Id === container?.Id), "it is gone");
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`calls fail clearly while the engine is away after ${signal}, and are served again when it is back`, async () => {
      const id = await imageFunction(platform.url, `away-${signal.toLowerCase()}`, hello);
      assert.equal((await invoke(id)).status, 200);
      const statuses: number[] = [];
      const over = new AbortController();
      const load = async () => {
        while (!over.signal.aborted) {
          statuses.push((await invoke(id)).status);
          await sleep(20);
        }
      };
      const loads = [load(), load(), load()];
      try {
        await engine.stop(signal);
        await until(() => statuses.slice(-3).every((status) => status === 500));
        await engine.start();
        await until(() => statuses.slice(-3).every((status) => status === 200));
      } finally {
        over.abort();
        await Promise.all(loads);
      }
      assert.deepEqual(
        [...new Set(statuses)].filter((status) => ![200, 500, 502].includes(status)),
        [],
      );
      await until(async () => (await containers()).every(({ State }) => State === "running"));
    });
  }

  test("an engine that hangs keeps no code from being started, and images are served when it goes on", async () => {
    const id = await imageFunction(platform.url, "hangs", hello);
    const code = await platform.deploy({ name: "code", file: ["index.mjs", "export const handler = () => 'served';"] });
    engine.process().kill("SIGSTOP");
    try {
      const waiting = Promise.all([1, 2, 3, 4, 5, 6].map(() => invoke(id)));
      assert.equal((await call(code.invokeUrl, {})).text, "served");
      for (const { status } of await waiting) assert.equal(status, 500);
    } finally {
      engine.process().kill("SIGCONT");
    }
    await until(async () => (await invoke(id)).status === 200);
  });

  test("what a killed server left is removed by the next one, frozen or not", async () => {
    const id = await imageFunction(platform.url, "left", hello);
    assert.equal((await invoke(id)).status, 200);
    const folders = socketFolders(data);
    // So that it is frozen.
    await sleep(300);
    await platform.crash();
    const own = id.slice(-8).toLowerCase();
    assert.ok(
      (await containers()).some(({ Labels }) => Labels["polykiln.sandbox"]?.startsWith(own)),
      "nobody has ended it",
    );
    platform = await start();
    await until(async () => (await containers()).length === 0);
    assert.equal((await invoke(id)).status, 200);
    const [first, ...others] = socketFolders(data);
    assert.deepEqual([folders.length, others], [1, []], "its own in place of the other's");
    assert.notEqual(first, folders[0]);
  });

  test("a server that starts before its engine says so, and serves when that is there", async () => {
    const id = await imageFunction(platform.url, "early", hello);
    await platform.stop();
    await engine.stop();
    platform = await start();
    const answer = await invoke(id);
    assert.deepEqual([answer.status, answer.json["message"]], [500, "internal server error"]);
    assert.match(platform.log(), /Docker does not answer.*there is no socket at unix:.*start it/s);
    await engine.start();
    await until(async () => (await invoke(id)).status === 200);
    await platform.stop();
    assert.deepEqual(await containers(), [], "a server that stops leaves none");
  });
});

/** Where a server with these data keeps what its containers share with it. */
function socketFolders(data: string): string[] {
  const server = readFileSync(join(data, "docker-id"), "utf8").trim();
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`kiln-${server.slice(-10)}-`));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + 90_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error("It never came to that");
    await sleep(50);
  }
}
