/**
 * Starts of images that go wrong, and such as only look like it, under Docker and unpacked alike: the caller reads why, and the log has the
 * function's own words. Sockets come late, as links, under other names, or lead elsewhere.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { RunConfig } from "../../src/oci/oci.ts";
import { type Answer, call, linesOf, recordOf, send } from "../client.ts";
import { imageFunction } from "../docker.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../image-registry.ts";
import {
  baseLayer,
  httpStream,
  type ImagePlatform,
  ImageShelf,
  nodeAndShell,
  noWay,
  startImagePlatform,
  ways,
} from "../image-ways.ts";

const startTimeoutMs = 15_000;
/** Fn gives up after 5 s. */
const lateMs = 6000;
const says = 'console.error("its own words");';
const echo = "response.end(body);";
const waits = "setTimeout(() => {}, 60_000);";
const notInitialized = "Container failed to initialize, please ensure you are using the latest fdk and check the logs: ";

/** Ways to have a socket that are none of the kits', and are served. */
const served: Readonly<Record<string, string>> = {
  late: `setTimeout(() => listen("own.sock", () => fs.symlinkSync("own.sock", at("lsnr.sock"))), ${lateMs});`,
  "without a link": 'listen("lsnr.sock");',
  "a link before there is a socket": 'fs.symlinkSync("own.sock", at("lsnr.sock")); setTimeout(() => listen("own.sock"), 300);',
  "a link through its folder": 'listen("own.sock", () => fs.symlinkSync("./own.sock", at("lsnr.sock")));',
  "under another name at first":
    'listen("own.sock", () => setTimeout(() => fs.renameSync(at("own.sock"), at("lsnr.sock")), 300));',
};

interface Failure {
  readonly program?: string;
  readonly config?: RunConfig;
  readonly memory?: number;
  readonly status: number;
  readonly message: RegExp;
  /** Whether the program got as far as to say something. */
  readonly silent?: true;
}

const leadsOut = { status: 502, message: new RegExp(`^${notInitialized}.*links out of its folder.*its own words`) };
const noSocket = { status: 502, message: new RegExp(`^${notInitialized}.*is not a socket.*its own words`) };
const ends = { status: 502, message: new RegExp(`^${notInitialized}.*exit code 3.*its own words`) };

const failures: Readonly<Record<string, Failure>> = {
  ends: { program: `${says} process.exitCode = 3;`, ...ends },
  "ends after a while": { program: `${says} setTimeout(() => process.exit(3), 1000);`, ...ends },
  throws: {
    program: `${says} throw new Error("no settings");`,
    status: 502,
    message: new RegExp(`^${notInitialized}.*exit code 1.*no settings`),
  },
  "out of memory": {
    program: `${says} const kept = []; setInterval(() => kept.push(Buffer.alloc(16 << 20, 1)));`,
    memory: 64,
    status: 502,
    message: /^container out of memory, you may want to raise fn\.memory for this function \(default: 128MB\)$/,
  },
  "no program": {
    config: { Entrypoint: ["/bin/nothing"] },
    status: 502,
    message: new RegExp(`^${notInitialized}.*/bin/nothing`),
    silent: true,
  },
  "a program that is none": {
    config: { Entrypoint: ["/etc/passwd"] },
    status: 502,
    message: new RegExp(`^${notInitialized}.*/etc/passwd`),
    silent: true,
  },
  "a volume": { config: { Volumes: { "/data": {} } }, status: 400, message: /^image has Volume definition$/, silent: true },
  "a link to elsewhere": {
    program: `${says} ${httpStream(echo, 'listen("own.sock", () => fs.symlinkSync("/dev/log", at("lsnr.sock"))); ')}`,
    ...leadsOut,
  },
  "a full path, though to its folder": {
    program: `${says} ${httpStream(echo, 'listen("own.sock", () => fs.symlinkSync(at("own.sock"), at("lsnr.sock")));')}`,
    ...leadsOut,
  },
  "a way out and back": {
    program: `${says} ${httpStream(echo, 'listen("own.sock", () => fs.symlinkSync("../iofs/own.sock", at("lsnr.sock")));')}`,
    ...leadsOut,
  },
  "a link to itself": {
    program: `${says} ${httpStream(echo, 'fs.symlinkSync("lsnr.sock", at("lsnr.sock"));')} ${waits}`,
    ...noSocket,
  },
  "a link to a link": {
    program: `${says} ${httpStream(echo, 'listen("own.sock", () => { fs.symlinkSync("own.sock", at("b")); fs.symlinkSync("b", at("lsnr.sock")); });')}`,
    ...noSocket,
  },
  "a file": { program: `${says} ${httpStream(echo, 'fs.writeFileSync(at("lsnr.sock"), "");')} ${waits}`, ...noSocket },
  "a folder": { program: `${says} ${httpStream(echo, 'fs.mkdirSync(at("lsnr.sock"));')} ${waits}`, ...noSocket },
  "another name": {
    program: `${says} ${httpStream(echo, 'listen("listener.sock");')}`,
    status: 504,
    message:
      /^Container initialization timed out, .*: .*not ready within 15000 ms.*nothing listened at \/tmp\/iofs\/lsnr\.sock.*its own words/,
  },
  "a port instead": {
    program: `${says} require("node:http").createServer().listen(8080, "127.0.0.1");`,
    status: 504,
    message: /^Container initialization timed out, .*nothing listened at \/tmp\/iofs\/lsnr\.sock.*its own words/,
  },
};

describe("starts of images", { skip: noImageRegistry ?? false, concurrency: 2, timeout: 600_000 }, () => {
  let registry: ImageRegistry;
  let shelf: ImageShelf;

  before(async () => {
    registry = await startImageRegistry();
    shelf = new ImageShelf(registry, baseLayer(nodeAndShell));
    for (const [name, listens] of Object.entries(served)) await shelf.node(tagOf(name), httpStream(echo, listens));
    for (const [name, { program = says, config }] of Object.entries(failures)) await shelf.node(tagOf(name), program, config);
  });
  after(() => registry?.stop());

  const nameOf = (name: string) => `${registry.host}/shelf:${tagOf(name)}`;

  for (const way of ways) {
    describe(way, { skip: noWay(way), concurrency: 3 }, () => {
      let on: ImagePlatform;
      let url: string;

      before(async () => {
        on = await startImagePlatform(way, { env: { POLYKILN_START_TIMEOUT_MS: String(startTimeoutMs) } });
        url = on.platform.url;
      });
      after(async () => {
        assert.doesNotMatch(on?.platform.log() ?? "", /"level":50/, "no fault of a function is ours");
        await on?.stop();
      });

      for (const name of Object.keys(served)) {
        test(`a socket: ${name}`, async () => {
          const id = await imageFunction(url, tagOf(name), nameOf(name));
          for (const text of ["one", "two"]) {
            const answer = await call(`${url}/invoke/${id}`, text);
            assert.deepEqual([answer.status, answer.text], [200, text], on.platform.log().slice(-4000));
          }
        });
      }

      for (const [name, failure] of Object.entries(failures)) {
        test(`told: ${name}`, async () => {
          const memory = failure.memory ?? 128;
          const id = await imageFunction(url, tagOf(name), nameOf(name), { memory });
          const answer = await call(`${url}/invoke/${id}`, "x");
          assert.equal(answer.status, failure.status, answer.text);
          assert.match(String(answer.json["message"]), failure.message);
          if (failure.silent === undefined) await assertWords(answer);
          const seen = await send("GET", `${url}/v2/fns/${id}/calls/${answer.headers.get("fn-call-id")}`);
          assert.deepEqual([seen.json["status"], seen.json["error"]], ["error", answer.json["message"]]);
        });
      }

      /** In the log of the call that waited for the start. */
      async function assertWords(answer: Answer) {
        const lines = await linesOf(url, answer.activationId, 1);
        assert.ok(
          lines.includes("stderr its own words"),
          `${lines.join("\n")}, of ${JSON.stringify(await recordOf(url, answer.activationId))}`,
        );
      }
    });
  }
});

function tagOf(name: string): string {
  return name.replaceAll(/[^a-z]+/g, "-");
}
