/** The platform, its Docker and its functions in one container that is killed: the next one on the same data goes on. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { realWorld } from "../../src/lib/world.ts";
import { parseDockerHost } from "../../src/sandbox/docker/address.ts";
import { DockerEngine } from "../../src/sandbox/docker/engine.ts";
import { call, send, type ShownRecord } from "../client.ts";
import { imageFunction, importFdkImage, type TestEngine } from "../docker.ts";
import { docker, eventually, noServerImage, type ServerMachine, startServerMachine } from "../server-image.ts";

const image = "registry.test/polykiln:whole";
const hello = "registry.test/hello:0.0.1";
const kills = 2;

describe("docker in docker", { skip: noServerImage, timeout: 600_000 }, () => {
  let machine: ServerMachine;
  let engine: TestEngine;

  before(async () => {
    machine = await startServerMachine(image, { withDocker: true });
    engine = machine.engine;
  });
  after(() => machine?.remove());

  const run = (name: string) =>
    docker(
      engine,
      `run --rm --detach --privileged --name ${name} --publish 8080:8080 --volume polykiln-data:/app/data --entrypoint ./fnserver ${image}`.split(
        " ",
      ),
    );
  const gone = (name: string) =>
    eventually(async () => assert.equal(await docker(engine, ["ps", "--all", "--quiet", "--filter", `name=${name}`]), ""));

  async function firstProcess(name: string): Promise<number> {
    return Number(await docker(engine, ["inspect", "--format", "{{.State.Pid}}", name]));
  }

  async function innerEngine(name: string): Promise<DockerEngine> {
    const socket = `/proc/${await firstProcess(name)}/root/run/polykiln/docker.sock`;
    return new DockerEngine(parseDockerHost(`unix://${socket}`), realWorld());
  }

  test("a killed one is followed by one that serves, and no accepted call is lost", async (t) => {
    await run("outer-0");
    await eventually(async () => assert.equal((await send("GET", `${machine.url}/`)).status, 200));
    // The server does not wait for it, but its calls do.
    await eventually(async () => (await innerEngine("outer-0")).ping());
    await importFdkImage(await innerEngine("outer-0"), hello);
    const id = await imageFunction(machine.url, "hello", hello);
    const url = `${machine.url}/invoke/${id}`;
    const later = `${machine.url}/kiln/v1/namespaces/guest/apps/app-hello/functions/hello/invoke?wait=none`;
    assert.equal((await call(url, { name: "first" })).json["message"], "Hello first");

    const accepted = new Set<string>();
    for (let kill = 0; kill < kills; kill++) {
      await acceptUntil(later, accepted, accepted.size + 40);
      const senders = acceptForever(later, accepted);
      await sleep(300);
      const earlier = await owners(`outer-${kill}`);
      await docker(engine, ["kill", `outer-${kill}`]);
      await senders;
      await gone(`outer-${kill}`);
      const beganAt = performance.now();
      const seconds = () => ((performance.now() - beganAt) / 1000).toFixed(1);
      await run(`outer-${kill + 1}`);
      await eventually(() => send("GET", `${machine.url}/ping`));
      const listening = seconds();
      await eventually(async () => assert.equal((await call(url, { name: "again" })).status, 200));
      t.diagnostic(`after the start of the next container: ${listening} s until it listens, ${seconds()} s until it serves`);
      await eventually(async () => {
        const now = await owners(`outer-${kill + 1}`);
        assert.deepEqual(
          [...now].filter((owner) => earlier.has(owner)),
          [],
          "containers of the killed one are removed",
        );
      });
    }
    const records = await eventually(async () => {
      const all = await recordsOf(machine.url);
      const missing = [...accepted].filter((each) => !all.some((record) => record.id === each));
      assert.deepEqual(missing, []);
      return all.filter((record) => accepted.has(record.id));
    });
    assert.equal(records.length, accepted.size, "each call has one record");
    assert.deepEqual(
      records.filter(({ status }) => status !== "success"),
      [],
    );
    t.diagnostic(`${accepted.size} accepted calls, each with its record`);
  });

  test("it stops in order, and leaves no dead process behind", async () => {
    const name = `outer-${kills}`;
    assert.deepEqual(zombiesBelow(await firstProcess(name)), []);
    const status = docker(engine, ["wait", name]);
    await docker(engine, ["stop", name]);
    assert.equal(await status, "0");
    await gone(name);
  });

  async function owners(name: string): Promise<Set<string>> {
    const list = await (await innerEngine(name)).list("polykiln.server");
    return new Set(list.map(({ Labels }) => Labels["polykiln.owner"] ?? ""));
  }
});

async function accept(url: string, accepted: Set<string>): Promise<void> {
  const { status, activationId } = await call(url, { sleepMs: 20 });
  if (status === 202) accepted.add(activationId);
}

async function acceptUntil(url: string, accepted: Set<string>, count: number): Promise<void> {
  while (accepted.size < count) await Promise.all([1, 2, 3, 4].map(() => accept(url, accepted)));
}

/** Until the server is gone. */
async function acceptForever(url: string, accepted: Set<string>): Promise<void> {
  try {
    for (;;) await accept(url, accepted);
  } catch {
    // The kill.
  }
}

async function recordsOf(url: string): Promise<ShownRecord[]> {
  const records: ShownRecord[] = [];
  let cursor = "";
  do {
    const answer = await send("GET", `${url}/kiln/v1/namespaces/guest/activations?limit=100${cursor}`);
    const { items, nextCursor } = answer.json as unknown as { items: ShownRecord[]; nextCursor: string | null };
    records.push(...items);
    cursor = nextCursor === null ? "" : `&cursor=${encodeURIComponent(nextCursor)}`;
  } while (cursor !== "");
  return records;
}

/** Children of a container's first process that have ended and were not collected. */
function zombiesBelow(parent: number): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, ppid] = text.slice(text.lastIndexOf(")") + 2).split(" ");
        return state === "Z" && Number(ppid) === parent ? [text] : [];
      } catch {
        return [];
      }
    });
}
