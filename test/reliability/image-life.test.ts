/** What befalls running functions of images, under Docker and unpacked alike: deletes and deploys under load, silence, the end of their time. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { text as textOf } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, call, recordOf, send } from "../client.ts";
import { imageFunction } from "../docker.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../image-registry.ts";
import {
  baseLayer,
  flowing,
  httpStream,
  type ImagePlatform,
  ImageShelf,
  nodeAndShell,
  noWay,
  startImagePlatform,
  ways,
} from "../image-ways.ts";
import { functionSource, goBuild } from "../kits.ts";
import { startPlatform } from "../platform.ts";

const giveUpMs = 120_000;
const json = { "content-type": "application/json" };

/** Answers after as many ms as the body says. */
const slow = httpStream("setTimeout(() => response.end(`after ${body}`), Number(body));");
/** Says its version with each answer. */
const version = (name: string) => httpStream(`response.end(${JSON.stringify(name)});`);
/** Closes each connection that is idle for five seconds, as Node's servers and so Fn's kit do, and takes no third request on any. */
const closing = httpStream(
  'response.end("served");',
  'server.maxRequestsPerSocket = 2; listen("own.sock", () => fs.symlinkSync("own.sock", at("lsnr.sock")));',
);
/** Ignores every signal that can be, and writes on in a second process. */
const stubborn = httpStream(
  'for (;;) if (Date.now() % 1000 === 0) process.stderr.write(".");',
  `process.on("SIGTERM", () => {});
require("node:child_process").spawn("/bin/sleep", ["1000"], { detached: true, stdio: "ignore" });
listen("own.sock", () => fs.symlinkSync("own.sock", at("lsnr.sock")));`,
);
const mirror = httpStream('response.setHeader("content-type", "application/octet-stream"); response.end(body);');
const echo = flowing("for await (const piece of request) response.write(piece); response.end();");
const asks = httpStream(`response.end(JSON.stringify({
  uid: process.getuid(), folder: process.cwd(), linked: fs.readFileSync("/etc/linked", "utf8"), upwards: fs.existsSync("/etc/upwards"),
}));`);

describe("life of images", { skip: noImageRegistry ?? false, concurrency: 2, timeout: 600_000 }, () => {
  let registry: ImageRegistry;
  let shelf: ImageShelf;

  before(async () => {
    registry = await startImageRegistry();
    shelf = new ImageShelf(registry, baseLayer(nodeAndShell));
    for (const [tag, program] of Object.entries({
      slow,
      closing,
      stubborn,
      mirror,
      echo,
      one: version("one"),
      two: version("two"),
    }))
      await shelf.node(tag, program);
    // The folder that its command is found in, the program itself and its working folder are links by full paths.
    await shelf.put(
      "links",
      [
        { name: "opt/programs/ask", type: "2", target: "/bin/node" },
        { name: "usr/programs", type: "2", target: "/opt/programs" },
        { name: "srv/real/func.cjs", data: asks },
        { name: "app", type: "2", target: "/srv/real" },
        { name: "srv/text", data: "by a link" },
        { name: "etc/linked", type: "2", target: "/srv/text" },
        { name: "etc/upwards", type: "2", target: "../../../../../../../../root/.bashrc" },
      ],
      { Entrypoint: ["ask", "func.cjs"], Env: ["PATH=/usr/programs:/bin"], WorkingDir: "/app" },
    );
    const hotwrap = readFileSync(await goBuild(functionSource("fn-hotwrap")));
    const script = readFileSync(`${functionSource("fn-hotwrap")}/func.sh`);
    const files = [
      { name: "hotwrap", data: hotwrap, mode: 0o755 },
      { name: "func.sh", data: script, mode: 0o755 },
    ];
    await shelf.put("hotwrap", files, { Entrypoint: ["/hotwrap"], Cmd: ["/func.sh"] });
  });
  after(() => registry?.stop());

  const imageOf = (tag: string) => `${registry.host}/shelf:${tag}`;

  for (const way of ways) {
    describe(way, { skip: noWay(way), concurrency: 3 }, () => {
      let on: ImagePlatform;
      let url: string;

      before(async () => {
        on = await startImagePlatform(way, { env: { POLYKILN_START_TIMEOUT_MS: "60000" } });
        url = on.platform.url;
      });
      after(async () => {
        assert.doesNotMatch(on?.platform.log() ?? "", /"level":50/, "nothing of it is our fault");
        await on?.stop();
      });

      const made = (tag: string, settings: object = {}) => imageFunction(url, tag, imageOf(tag), settings);
      const invoke = (id: string, body: string | Buffer = "") => call(`${url}/invoke/${id}`, body);
      const served = async (id: string, body = "") => {
        const answer = await invoke(id, body);
        assert.equal(answer.status, 200, answer.text);
        return answer.text;
      };

      test("an app is deleted during calls: those that run are answered, none is taken after it, and nothing of it stays", async () => {
        const id = await made("slow", { config: { MARKER: `deleted-${way}` } });
        await served(id, "0");
        const long = Array.from({ length: 3 }, () => invoke(id, "4000"));
        const load = loadOf(() => invoke(id, "5"), 4);
        await until(() => load.answers.length > 20, "calls are answered");
        const app = (await send("GET", `${url}/v2/apps?name=app-slow`)).json["items"] as { id: string }[];
        assert.equal((await send("DELETE", `${url}/v2/apps/${app[0]?.id}`)).status, 204);
        const deletedAt = performance.now();
        assert.deepEqual([(await invoke(id, "0")).status, (await invoke(id, "0")).json["message"]], [404, "Fn not found"]);
        await until(() => load.answers.at(-1)?.status === 404, "the callers hear of it");
        await load.stop();
        for (const answer of await Promise.all(long)) assert.deepEqual([answer.status, answer.text], [200, "after 4000"]);
        assert.deepEqual([...new Set(load.answers.map(({ status }) => status))].toSorted(), [200, 404]);
        for (const { status, text, beganAt } of load.answers) {
          if (status === 404) assert.equal(text, '{"message":"Fn not found"}\n');
          else assert.ok(beganAt < deletedAt, "a call that began after it was answered");
        }
        await until(() => processesMarked(`deleted-${way}`).length === 0, "its sandboxes have ended");
      });

      test("two deploys at once, under load: both stand, each call is one of them, and the last one serves", async () => {
        const id = await made("one");
        await served(id);
        await served(await imageFunction(url, "two", imageOf("two")));
        const load = loadOf(() => invoke(id), 4);
        for (let round = 0; round < 5; round++) {
          const deploy = (tag: string) => send("PUT", `${url}/v2/fns/${id}`, JSON.stringify({ image: imageOf(tag) }), json);
          const answers = await Promise.all([deploy("one"), deploy("two")]);
          assert.deepEqual(
            answers.map(({ status }) => status),
            [200, 200],
          );
          const { image } = (await send("GET", `${url}/v2/fns/${id}`)).json as { image: string };
          for (let count = 0; count < 5; count++) assert.equal(`${registry.host}/shelf:${await served(id)}`, image);
        }
        await load.stop();
        const said = new Set(load.answers.map(({ status, text }) => `${status} ${text}`));
        assert.deepEqual([...said].toSorted(), ["200 one", "200 two"]);
        const body = (name: string) => JSON.stringify({ name, app_id: "", image: imageOf("one") });
        assert.equal((await send("POST", `${url}/v2/fns`, body("same"), json)).status, 400);
        const { app_id } = (await send("GET", `${url}/v2/fns/${id}`)).json;
        const twice = await Promise.all(
          [1, 2].map(() => send("POST", `${url}/v2/fns`, JSON.stringify({ name: "same", app_id, image: imageOf("one") }), json)),
        );
        assert.deepEqual(twice.map(({ status }) => status).toSorted(), [200, 409]);
      });

      test("a function that closes idle connections is called again after any pause", async () => {
        const id = await made("closing");
        // Around the moments in which the platform closes, and the function would.
        for (const pauseMs of [0, 0, 0, 10, 990, 1000, 1010, 4990, 5010, 11_000]) {
          await sleep(pauseMs);
          assert.equal(await served(id), "served", `after ${pauseMs} ms`);
        }
      });

      test("who reads 504 reads it when nothing of the call runs any more", async () => {
        const id = await made("stubborn", { timeout: 1, config: { MARKER: `late-${way}` } });
        for (let round = 0; round < 2; round++) {
          const answer = await invoke(id);
          assert.deepEqual(processesMarked(`late-${way}`), []);
          assert.deepEqual([answer.status, answer.json["message"]], [504, "Timed out"]);
        }
      });

      test("10 MiB of any bytes, there and back", async () => {
        const id = await made("mirror", { memory: 256, timeout: 120 });
        const body = randomBytes(10 * 1024 * 1024);
        const response = await fetch(`${url}/invoke/${id}`, { method: "POST", body: new Uint8Array(body) });
        assert.equal(response.status, 200);
        assert.ok(body.equals(Buffer.from(await response.arrayBuffer())), "as they were");
      });

      test("an answer flows while its request still comes", async () => {
        const asked = request(`${url}/invoke/${await made("echo")}`, { method: "POST" });
        asked.write("first");
        const [answer] = (await once(asked, "response")) as [IncomingMessage];
        const [piece] = (await once(answer, "data")) as [Buffer];
        assert.deepEqual([answer.statusCode, piece.toString()], [200, "first"]);
        asked.end("second");
        assert.equal(await textOf(answer), "second");
      });

      test("links by full paths are the image's own, and nobody needs to know the user", async () => {
        const id = await made("links");
        assert.deepEqual(JSON.parse(await served(id)), { uid: 1000, folder: "/srv/real", linked: "by a link", upwards: false });
      });

      test("an engine that refuses a container: the server's log has its words", {
        skip: way === "docker" ? false : "no engine is asked",
      }, async () => {
        const env = { POLYKILN_IMAGES: "docker", DOCKER_HOST: on.engine?.host ?? "", POLYKILN_DOCKER_NETWORK: "nowhere" };
        const other = await startPlatform({ env });
        try {
          const id = await imageFunction(other.url, "refused", imageOf("mirror"));
          const answer = await call(`${other.url}/invoke/${id}`, "x");
          assert.deepEqual([answer.status, answer.json["message"]], [500, "internal server error"]);
          assert.match(other.log(), /network nowhere not found/);
          const { error } = await recordOf(other.url, answer.activationId);
          assert.match(error?.message ?? "", /^Docker could not .*the server's log has its reason$/);
        } finally {
          await other.stop();
        }
      });

      test("a command in hotwrap as the image's entry point", async () => {
        const id = await made("hotwrap");
        for (const name of ["Ada", "Bea"]) assert.equal(await served(id, `${name}\n`), `Hello ${name} by nobody\n`);
        assert.match(await served(id, "fail\n"), /^error running .*exit status 3$/);
      });
    });
  }
});

interface Timed extends Pick<Answer, "status" | "text"> {
  readonly beganAt: number;
}

/** So many callers, each of which calls again as soon as it is answered. */
function loadOf(ask: () => Promise<Answer>, callers: number) {
  const answers: Timed[] = [];
  const over = new AbortController();
  const caller = async () => {
    while (!over.signal.aborted) {
      const beganAt = performance.now();
      const { status, text } = await ask();
      answers.push({ status, text, beganAt });
    }
  };
  const all = Promise.all(Array.from({ length: callers }, caller));
  return {
    answers,
    async stop() {
      over.abort();
      await all;
    },
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const giveUpAt = performance.now() + giveUpMs; !holds(); await sleep(20))
    assert.ok(performance.now() < giveUpAt, `in vain: ${what}`);
}

/** Processes with a function's setting in their environment: nobody else has it. */
function processesMarked(marker: string): string[] {
  return globSync("/proc/[0-9]*/environ").filter((file) => readOr(file).split("\0").includes(`MARKER=${marker}`));
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
