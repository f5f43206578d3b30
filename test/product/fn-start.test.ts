/** `fn start`: the server's own image, tagged as Fn's client expects it, on an engine that its functions run on too. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { call, recordOf, send } from "../client.ts";
import { imageFunction, importFdkImage, type TestEngine } from "../docker.ts";
import { cleanEnvironment } from "../platform.ts";
import { docker, eventually, noServerImage, type ServerMachine, startServerMachine } from "../server-image.ts";

const execute = promisify(execFile);
const client = process.env["FN_CLI"] ?? "";
const image = "fnproject/fnserver:latest";
const hello = "registry.test/hello:0.0.1";

describe("fn start", { skip: noServerImage, timeout: 600_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), "kiln-fn-"));
  let machine: ServerMachine;
  let engine: TestEngine;

  before(async () => {
    machine = await startServerMachine(image, { prepare: (made) => importFdkImage(made.engine, hello) });
    engine = machine.engine;
  });
  after(async () => {
    await machine?.remove();
    rmSync(home, { recursive: true, force: true });
  });

  /** What Fn's client 0.6.63 runs. */
  const started = (iofs: string) =>
    `run --rm -i --name fnserver -v ${iofs}:/iofs:z -e FN_IOFS_DOCKER_PATH=${iofs} -e FN_IOFS_PATH=/iofs
    -e FN_LOCAL_DEBUG=false -e FN_LOCAL_DEBUG_PORT=5678 -v ${home}/.fn/data:/app/data -v /var/run/docker.sock:/var/run/docker.sock
    --privileged -p 8080:8080 --entrypoint ./fnserver ${image}`.split(/\s+/);
  const environment = () => ({
    ...cleanEnvironment,
    HOME: home,
    DOCKER_HOST: engine.host,
    FN_API_URL: machine.url,
    NO_PROXY: "127.0.0.1",
    no_proxy: "127.0.0.1",
  });

  /** Runs until the server answers. */
  async function start(iofs: string | null): Promise<{ readonly process: ChildProcess; readonly said: () => string }> {
    const flags = iofs === null ? [] : ["--iofs-dir", iofs];
    const words = client === "" ? ["docker", ...started(iofs ?? "fnserversocket")] : [client, "start", ...flags];
    const process = spawn(words[0] as string, words.slice(1), { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [process.stdout, process.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
    await eventually(async () => {
      assert.equal(process.exitCode, null, said);
      assert.equal((await send("GET", `${machine.url}/`)).status, 200, said);
    });
    return { process, said: () => said };
  }

  /** `fn stop`; the exit status of what ran for it. */
  async function stop({ process }: { readonly process: ChildProcess }): Promise<number> {
    const ended = once(process, "exit") as Promise<[number]>;
    if (client === "") await docker(engine, ["stop", "fnserver"]);
    else assert.match((await fn("stop")).stdout, /Successfully stopped 'fnserver'/);
    return (await ended)[0];
  }

  async function fn(...words: readonly string[]) {
    return await execute(client, words, { env: environment(), timeout: 60_000 });
  }

  const containers = () => engine.engine.list("polykiln.server");
  let id = "";

  test("an app, a function of an image that the engine has, and a call of it", async () => {
    const server = await start(null);
    if (client === "") id = await imageFunction(machine.url, "hello", hello);
    else {
      await fn("create", "app", "app-hello");
      await fn("create", "function", "app-hello", "hello", hello);
      const invoked = execute(client, ["invoke", "app-hello", "hello"], { env: environment(), timeout: 60_000 });
      invoked.child.stdin?.end('{"name":"Ada"}');
      assert.match((await invoked).stdout, /"message":"Hello Ada"/);
      const { items } = (await send("GET", `${machine.url}/v2/apps`)).json as { items: { id: string }[] };
      const fns = (await send("GET", `${machine.url}/v2/fns?app_id=${items[0]?.id}`)).json as { items: { id: string }[] };
      id = fns.items[0]?.id ?? "";
    }
    const answer = await call(`${machine.url}/invoke/${id}`, { name: "Grace" });
    assert.equal(answer.status, 200, `${answer.text} ${server.said()}`);
    assert.equal(answer.json["message"], "Hello Grace");
    assert.equal((await recordOf(machine.url, answer.activationId)).status, "success");
    assert.equal((await containers()).length, 1, "its sandbox is a container of that engine");

    const inside = [
      "exec",
      "fnserver",
      "node",
      "-e",
      "fetch('http://127.0.0.1:8080/v2/apps').then((r) => console.log(r.status))",
    ];
    assert.equal(await docker(engine, inside), "401", "whoever does not come by the machine needs a key");

    assert.equal(await stop(server), 0, server.said());
    assert.deepEqual(await containers(), []);
  });

  test("with a folder for sockets, and what was there before", async () => {
    const iofs = join(home, "iofs");
    mkdirSync(iofs);
    const server = await start(iofs);
    const answer = await call(`${machine.url}/invoke/${id}`, { name: "Alan" });
    assert.equal(answer.json["message"], "Hello Alan", server.said());
    assert.equal(await stop(server), 0, server.said());
    assert.deepEqual(await containers(), []);
  });

  test("under its own name it asks for keys, and tells what it lacks", async () => {
    const name = await docker(engine, ["run", "--rm", "--detach", "--publish", "8080:8080", image]);
    try {
      await eventually(async () => assert.equal((await send("GET", `${machine.url}/v2/apps`)).status, 401));
      const key = await docker(engine, ["exec", name, "cat", "/app/data/guest.key"]);
      const known = await send("GET", `${machine.url}/v2/apps`, undefined, { authorization: `Bearer ${key}` });
      assert.equal(known.status, 200);
      const { stderr } = await execute("docker", ["logs", name], { env: environment() });
      assert.match(stderr, /code cannot be isolated in this container.*--privileged/);
    } finally {
      await docker(engine, ["stop", name]);
    }
  });
});
