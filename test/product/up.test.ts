/** The commands themselves: `up`, `start`, `doctor`, their answers, their exit codes, and that nothing is left behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { busyFactor } from "../busy-factor.ts";
import { call, send } from "../client.ts";
import { assertGone, cannotCount } from "../reliability/footprint.ts";
import { asNobody, cannotReadSources, type Command, kiln, Place, server } from "./command.ts";

const examplesPath = "/kiln/v1/namespaces/guest/apps/examples/functions";

describe("the commands", { skip: cannotCount, timeout: 580_000 }, () => {
  let place: Place;
  beforeEach(() => {
    place = new Place();
  });
  afterEach(() => place.close());

  const start = (...flags: string[]) => place.start([...server, "start", "--json", ...flags]);

  /** SIGTERM, exit 0, and nothing left. */
  async function stopped(command: Command, data?: string): Promise<void> {
    const instance = await command.instance(data);
    command.child.kill("SIGTERM");
    const { code, stderr } = await command.ended;
    assert.equal(code, 0, stderr);
    await assertNothingLeft(instance);
  }

  async function assertNothingLeft(instance: Awaited<ReturnType<Command["instance"]>>): Promise<void> {
    await assertGone(instance, 20_000);
    assert.deepEqual(place.left(), [], "temporary files");
    assert.deepEqual(place.processes(), []);
  }

  /** It ends with that exit code and a sentence, and leaves nothing. */
  const refused = async (command: readonly string[], code: number, said: RegExp, env: Record<string, string> = {}) => {
    const ended = await place.run(command, { env });
    assert.match(ended.stderr, said);
    assert.doesNotMatch(ended.stderr, /\n\s+at /, "no stack");
    assert.deepEqual([ended.code, ended.stdout], [code, ""], ended.stderr);
    assert.deepEqual(place.left(), []);
  };

  describe("up", () => {
    test("--once --json prints one JSON object, exits 0, leaves nothing; a second start is ready within 3 s", async (t) => {
      let best = Number.POSITIVE_INFINITY;
      for (let attempt = 0; attempt < 4 && best > 3000; attempt++) {
        const command = place.start([kiln, "up", "--once", "--json"]);
        const instance = await command.instance();
        const { code, stdout, stderr } = await command.ended;
        assert.equal(code, 0, stderr);
        assert.equal(stdout.trimEnd().split("\n").length, 1, stdout);
        const report = JSON.parse(stdout) as { ready_ms: number; functions: Record<string, number | string>[] };
        assert.deepEqual(Object.keys(report), ["ready_ms", "functions"]);
        assert.ok(Number.isInteger(report.ready_ms) && report.ready_ms > 0);
        const expected = ["hello-node", "hello-python"].map((name) => [name, 200]);
        assert.deepEqual(
          report.functions.map(({ name, status }) => [name, status]),
          expected,
        );
        for (const fn of report.functions) {
          assert.deepEqual(Object.keys(fn), ["name", "status", "cold_ms", "hot_ms"]);
          assert.ok(Number(fn["cold_ms"]) > Number(fn["hot_ms"]) && Number(fn["hot_ms"]) > 0);
        }
        await assertNothingLeft(instance);
        best = Math.min(best, report.ready_ms);
        t.diagnostic(stdout.trimEnd());
      }
      const slowness = busyFactor();
      assert.ok(
        best <= 3000 * slowness,
        `ready after ${best} ms, on a machine that is ${slowness.toFixed(1)} x as slow as with nothing to do`,
      );
    });

    test("works from any folder, with a data folder named from there", async () => {
      const { code, stdout, stderr } = await place.run([kiln, "up", "--once", "--json", "--data", "./d"], { cwd: place.folder });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /"status":200.*"status":200/);
      assert.ok((await place.run(["test", "-f", join(place.folder, "d/polykiln.db")])).code === 0);
    });

    test("serves with live logs until Ctrl-C, exits 0 and leaves nothing", async () => {
      const command = place.start([kiln, "up"]);
      const url = await command.until(() => /serves (http:\S+),/.exec(command.stdout)?.[1]);
      const instance = await command.instance();
      assert.equal((await call(`${url}${examplesPath}/hello-node/invoke`, { name: "you" })).status, 200);
      command.child.kill("SIGINT");
      const { code, stderr } = await command.ended;
      assert.equal(code, 0, stderr);
      await assertNothingLeft(instance);
    });

    test("where other machines get in it calls its examples with the key", async () => {
      const { code, stdout, stderr } = await place.run([kiln, "up", "--once", "--json", "--listen", "0.0.0.0:0"]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /"status":200.*"status":200/);
    });
  });

  describe("start", () => {
    test("tells when it serves; SIGTERM lets a running call end, whose answer arrives whole", async () => {
      const command = start();
      const { ready, url, pid, auth, ...more } = await command.ready();
      assert.deepEqual([ready, pid, more], [true, command.child.pid, {}]);
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
      assert.match(auth, /^[0-9a-f-]{36}:[A-Za-z0-9]{64}$/);
      const source = `exports.handler = () => new Promise((resolve) => setTimeout(resolve, 4000, "x".repeat(3_000_000)))`;
      const fn = await slowFunction(url, source);
      assert.equal((await call(fn, {})).status, 200);
      const answer = call(fn, {});
      const instance = await command.instance();
      await sleep(500);
      command.child.kill("SIGTERM");
      await untilClosed(Number(new URL(url).port));
      await assert.rejects(call(fn, {}), TypeError, "nothing more is accepted");
      const { status, text } = await answer;
      assert.deepEqual([status, text.length], [200, 3_000_000]);
      const { code, stderr } = await command.ended;
      assert.equal(code, 0);
      assert.match(stderr, /for this machine only: --listen 0\.0\.0\.0:\d+, or POLYKILN_LISTEN, lets others in/);
      await assertNothingLeft(instance);
    });

    test("a call that outlasts the drain time is cut, and the exit is still 0", async () => {
      const command = start("--drain-ms", "300");
      const { url } = await command.ready();
      const fn = await slowFunction(url, "exports.handler = () => new Promise(() => {})");
      const answer = call(fn, {}).catch((error: unknown) => error);
      await sleep(700);
      const beganAt = performance.now();
      await stopped(command);
      const tookMs = performance.now() - beganAt;
      assert.ok(tookMs < 5000 * busyFactor(), `${tookMs} ms`);
      const outcome = await answer;
      assert.ok(outcome instanceof TypeError || (outcome as { status: number }).status >= 500);
    });

    test("on all addresses it asks for the key, as bearer or basic", async () => {
      const command = start("--listen", "0.0.0.0:0");
      const { url, auth } = await command.ready();
      const apps = `${url}/kiln/v1/namespaces/guest/apps`;
      const wrong = `${auth.slice(0, -1)}${auth.endsWith("a") ? "b" : "a"}`;
      const statusWith = async (authorization?: string) =>
        (await send("GET", apps, undefined, authorization === undefined ? {} : { authorization })).status;
      assert.equal(await statusWith(), 401);
      assert.equal(await statusWith(`Bearer ${wrong}`), 401);
      assert.equal(await statusWith(`Bearer ${auth}`), 200);
      assert.equal(await statusWith(`Basic ${Buffer.from(auth).toString("base64")}`), 200);
      await stopped(command);
    });

    test("--sandbox process says UNPROTECTED on every start, and serves both examples", async (t) => {
      for (const flags of [[], ["--log-level", "error"]]) {
        const command = start("--sandbox", "process", ...flags);
        await command.ready();
        // It comes by another pipe.
        await command.until(() => /UNPROTECTED/.exec(command.stderr)?.[0]);
        await stopped(command);
      }
      const { code, stdout, stderr } = await place.run([kiln, "up", "--once", "--json", "--sandbox", "process"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /UNPROTECTED/);
      assert.match(stdout, /"status":200.*"status":200/);
      t.diagnostic(stdout.trimEnd());
    });
  });

  describe("what cannot be is said in a sentence", () => {
    test("a taken port is exit 2 and names who holds it", async () => {
      const holder = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => holder.once("listening", resolve));
      const { port } = holder.address() as { port: number };
      try {
        const said = new RegExp(`127\\.0\\.0\\.1:${port} is taken by .*\\(pid ${process.pid}\\)`);
        await refused([kiln, "up", "--once", "--json", "--listen", `127.0.0.1:${port}`], 2, said);
        await refused([...server, "start", "--listen", `127.0.0.1:${port}`], 2, said);
      } finally {
        holder.close();
      }
    });

    test("a data folder that another server uses is exit 2", async () => {
      const command = start();
      await command.ready();
      const { code, stderr } = await place.run([...server, "start"]);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`in use by another server \\(pid ${command.child.pid}\\)`));
      assert.equal((await call(`${(await command.ready()).url}/kiln/v1/nothing`)).status, 404, "the first one goes on");
      await stopped(command);
    });

    test("who asks for help gets it, and nothing is started", async () => {
      for (const args of [["--help"], ["help"], ["bench", "--help"]]) {
        const { code, stdout } = await place.run([kiln, ...args]);
        assert.deepEqual([code, stdout.includes("./kiln up ")], [0, true], args.join(" "));
      }
      for (const command of ["start", "up", "doctor"]) {
        const { code, stdout } = await place.run([kiln, command, "--json", "--help"]);
        assert.equal(code, 0);
        for (const said of [
          `Usage: kiln ${command} `,
          "--json",
          "--config FILE",
          "--listen VALUE  (or POLYKILN_LISTEN, FN_PORT)",
        ])
          assert.ok(stdout.includes(said), `${said} is missing in:\n${stdout}`);
      }
    });

    test("unknown commands and flags, wrong values", async () => {
      await refused([kiln, "frobnicate"], 2, /frobnicate/);
      await refused([kiln], 2, /kiln up/);
      await refused([...server, "frobnicate"], 2, /unknown command frobnicate; one of start, up, doctor, build/);
      await refused([...server], 2, /no command/);
      await refused([...server, "start", "now"], 2, /unknown command now/);
      await refused([kiln, "up", "--frobnicate"], 2, /--frobnicate/);
      await refused([...server, "start", "--listen", "nowhere"], 2, /--listen nowhere is not HOST:PORT/);
      await refused(
        [...server, "start", "--listen", "203.0.113.7:0"],
        2,
        /Can't listen on 203\.0\.113\.7:0: this machine has no/,
      );
      await refused([...server, "start", "--drain-ms", "soon"], 2, /--drain-ms: "soon" is not a whole number/);
      await refused([...server, "start", "--sandbox", "docker"], 2, /--sandbox: "docker" is none of/);
      await refused([...server, "start"], 2, /POLYKILN_STARTS_MAX: "0" is not/, { POLYKILN_STARTS_MAX: "0" });
    });

    test("a configuration file that is missing, broken or wrong", async () => {
      const file = join(place.folder, "c.json");
      await refused([...server, "start", "--config", file], 2, /Configuration file .*c\.json: ENOENT/);
      for (const [content, said] of [
        ["{", /c\.json: /],
        ['{"lisen":":1"}', /has an unknown setting "lisen"/],
        ['{"memoryMiB":"much"}', /memoryMiB in .*c\.json: "much" is not a whole number/],
      ] as const) {
        writeFileSync(file, content);
        await refused([...server, "start", "--config", file], 2, said);
      }
    });

    test("without bubblewrap the two ways on are named", async () => {
      // The script, on a machine where it can install nothing.
      const bin = join(place.folder, "bin");
      mkdirSync(bin);
      const tools = ["sh", "dirname", "date", "id", "cat", "cksum", "sed", "cut", "uname"];
      for (const tool of [...tools, "npm"]) symlinkSync(await which(place, tool), join(bin, tool));
      symlinkSync(process.execPath, join(bin, "node"));
      await refused([kiln, "up", "--once"], 1, /apt-get install bubblewrap.* --sandbox process/, { PATH: bin });
      // The server itself, where something else is in the program's place.
      const hidden = `mount --bind /dev/null /usr/bin/bwrap && exec "$@"`;
      const said = /bwrap is not installed.*apt-get install bubblewrap.*--sandbox process/;
      await refused(["unshare", "--mount", "sh", "-c", hidden, "sh", ...server, "start"], 1, said);
    });
  });

  test("a user who is not root serves both examples, and is told what is missing", { skip: cannotReadSources() }, async (t) => {
    const home = join(place.folder, "home");
    mkdirSync(home);
    for (const folder of [home, place.temporary]) chownSync(folder, 65_534, 65_534);
    chmodSync(place.temporary, 0o755);
    const env = { HOME: home, XDG_DATA_HOME: join(home, "data"), XDG_CACHE_HOME: join(home, "cache") };
    const doctor = await place.run(nobody("doctor", "--json"), { env });
    const { usable, missing } = JSON.parse(doctor.stdout) as { usable: boolean; missing: Record<string, string>[] };
    assert.deepEqual([doctor.code, usable], [0, true], doctor.stderr);
    assert.ok(missing.some(({ what }) => what?.includes("does not run as root")));
    for (const each of missing) assert.ok(each["what"] && each["why"] && each["fix"]);
    const { code, stdout, stderr } = await place.run(nobody("up", "--once", "--json"), { env });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"status":200.*"status":200/);
    for (const { what } of missing) assert.ok(stderr.includes(JSON.stringify(what).slice(1, -1)), `${what} is told at start`);
    assert.deepEqual(place.left(), []);
    assert.deepEqual(place.processes(), []);
    t.diagnostic(stdout.trimEnd());
  });
});

/** The server as a user without rights. */
const nobody = (...flags: string[]) => [...asNobody, ...server, ...flags];

/** Makes it through the public API and answers with the address to call. */
async function slowFunction(url: string, source: string): Promise<string> {
  const fn = `${url}/kiln/v1/namespaces/guest/apps/_/functions/slow`;
  const code = Buffer.from(source).toString("base64");
  const body = JSON.stringify({ kind: "nodejs:24", code, fileName: "index.js" });
  const answer = await send("PUT", fn, body, { "content-type": "application/json" });
  assert.equal(answer.status, 201, answer.text);
  return `${fn}/invoke`;
}

/** Nobody gets in on this port any more. */
async function untilClosed(port: number): Promise<void> {
  for (let isOpen = true; isOpen; ) {
    const socket = connect({ host: "127.0.0.1", port });
    isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
  }
}

async function which(place: Place, program: string): Promise<string> {
  return (await place.run(["sh", "-c", `command -v ${program}`])).stdout.trim();
}
