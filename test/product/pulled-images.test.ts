/** Container images without Docker: pulled from a registry, unpacked, run in sandboxes of ours. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunConfig } from "../../src/oci/oci.ts";
import { makeTar } from "../archives.ts";
import { type Answer, call, put } from "../client.ts";
import { imageFunction } from "../docker.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../image-registry.ts";
import { fdkLayer, makeImage, nodeLayer, pushImage, type TestImage, testRegistry } from "../images.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { layersOf, slowRegistry } from "../slow-registry.ts";

const skip = noImageRegistry ?? (process.platform === "linux" ? false : "images are unpacked on Linux");
const timeout = 300_000;

let server: ImageRegistry;
let platform: Platform;
let layers: readonly Buffer[];
let count = 0;

const hello: RunConfig = { Entrypoint: ["node", "func.js"], WorkingDir: "/function", Env: ["PATH=/bin", "GREETING=from-image"] };

/** A program that says what it finds. */
const probe = makeTar([
  {
    name: "function/probe.js",
    data: `
const fdk = require("@fnproject/fdk");
const fs = require("fs");
const written = (file) => { try { fs.writeFileSync(file, ""); return "ok"; } catch (error) { return error.code; } };
fdk.handle(() => ({
  uid: process.getuid(), gid: process.getgid(), folder: process.cwd(), pwd: process.env.PWD, env: process.env.GREETING, fn: process.env.FN_FORMAT,
  written: ["/x", "/function/x", "/etc/x", "/tmp/x"].map(written), read: fs.readFileSync("/function/secret", "utf8"), arguments: process.argv.slice(2),
  hosts: fs.readFileSync("/etc/hosts", "utf8").includes("localhost"),
}));`,
  },
  { name: "function/secret", mode: 0o600, data: "for its user" },
  { name: "etc/passwd", data: "root:x:0:0::/root:/bin/sh\nada:x:4711:4712::/home/ada:/bin/sh\n" },
  { name: "etc/group", data: "users:x:4713:\n" },
]);

before(async () => {
  if (skip) return;
  server = await startImageRegistry();
  layers = [nodeLayer(), await fdkLayer("fdk-node")];
  platform = await startPlatform({ flags: ["--log-level", "info"] });
});

after(async () => {
  await platform?.stop();
  await server?.stop();
});

const imageOf = (config: Partial<RunConfig>, ...more: readonly Buffer[]): TestImage =>
  makeImage([...layers, ...more], { ...hello, ...config });

/** Pushes an image under a name of its own and makes a function of it, at Fn's door. */
async function deployed(
  image: TestImage,
  on: Platform = platform,
): Promise<{ readonly name: string; readonly invoke: (body?: object) => Promise<Answer> }> {
  // One repository, so that the registry has the large layers once.
  const name = `${server.host}/team/image:${++count}`;
  await pushImage(name, image);
  return { name, invoke: await functionOf(name, on) };
}

async function functionOf(name: string, on: Platform = platform): Promise<(body?: object) => Promise<Answer>> {
  const id = await imageFunction(on.url, `f${++count}`, name).catch((error: Error) => {
    throw new Error(`${error.message}; the server says: ${on.log()}`);
  });
  return (body = {}) => call(`${on.url}/invoke/${id}`, body);
}

test("an image of Fn's Node kit answers; what it and its function have set is told it", { skip, timeout }, async () => {
  const { invoke } = await deployed(imageOf({}));
  const answer = await invoke({ name: "image" });
  assert.deepEqual(
    [answer.status, answer.json["message"], answer.json["config"]],
    [200, "Hello image", "from-image"],
    answer.text + platform.log(),
  );
  const env = await invoke({ env: true });
  assert.equal(env.json["FN_FORMAT"], "http-stream");
});

test("entry point, command, working folder and user are the image's, its files can only be read", { skip, timeout }, async () => {
  const cases: [config: Partial<RunConfig>, expected: object][] = [
    [{}, { uid: 1000, gid: 1000, folder: "/function", pwd: "/function", arguments: [] }],
    [
      { User: "root", Cmd: ["one", "two"] },
      { uid: 1000, gid: 1000, arguments: ["one", "two"] },
    ],
    [
      { User: "ada", Entrypoint: null, Cmd: ["/bin/node", "/function/probe.js"], WorkingDir: "" },
      { uid: 4711, gid: 4712, folder: "/", pwd: "/" },
    ],
    [
      { User: "65532:users", WorkingDir: "/made/by/us", Entrypoint: ["node", "../../../function/probe.js"] },
      { uid: 65_532, gid: 4713, folder: "/made/by/us" },
    ],
    [{ WorkingDir: "/tmp/work", Entrypoint: ["node", "/function/probe.js"] }, { folder: "/tmp/work" }],
  ];
  for (const [config, expected] of cases) {
    const { invoke } = await deployed(imageOf({ Entrypoint: ["node", "probe.js"], ...config }, probe));
    const { text, json } = await invoke();
    const always = {
      env: "from-image",
      fn: "http-stream",
      written: ["EROFS", "EROFS", "EROFS", "ok"],
      read: "for its user",
      hosts: true,
    };
    for (const [name, value] of Object.entries({ ...always, ...expected }))
      assert.deepEqual(json[name], value, `${name} in ${text}`);
  }
});

test("an image serves by other protocols too: a program on STDIN and STDOUT, a server on a port", { skip, timeout }, async () => {
  const scripts = makeTar([
    {
      name: "app/upper.js",
      data: 'process.stdin.on("data", (text) => console.log(`${text}`.toUpperCase(), process.getuid(), process.cwd(), process.env.PWD));',
    },
    {
      name: "app/server.js",
      data: 'require("http").createServer((_, response) => response.end("served")).listen(process.env.PORT, process.env.HOST);',
    },
  ]);
  for (const [protocol, file, expected] of [
    ["stdio", "upper.js", "HELLO 4242 /app /app\n"],
    ["http-port", "server.js", "served"],
  ] as const) {
    const name = `${server.host}/team/image:${protocol}`;
    await pushImage(
      name,
      makeImage([layers[0] as Buffer, scripts], { Cmd: ["/bin/node", file], User: "4242", WorkingDir: "/app" }, { docker: true }),
    );
    const base = `${platform.url}/kiln/v1/namespaces/guest/apps/images`;
    await put(base, {});
    await put(`${base}/functions/${protocol}`, { image: name, protocol });
    // Sandboxes that were finished before they were asked for are like the others.
    for (let round = 0; round < 4; round++) {
      const answer = await call(`${base}/functions/${protocol}/invoke`, "hello");
      assert.deepEqual([answer.status, answer.text], [200, expected]);
    }
  }
});

test("what cannot be pulled or started is told as Fn does", { skip, timeout }, async () => {
  const cases: [name: string | TestImage, status: number, message: RegExp][] = [
    [`${server.host}/none:1`, 404, /^Failed to pull image '127\.0\.0\.1:\d+\/none:1': .*(manifest|name) unknown.*404/],
    ["127.0.0.1:1/none:1", 502, /^Failed to pull image '127\.0\.0\.1:1\/none:1': 127\.0\.0\.1:1 refuses connections$/],
    [imageOf({ Volumes: { "/data": {} } }), 400, /^image has Volume definition$/],
    [imageOf({ Entrypoint: null }), 400, /does not say what to start/],
    [imageOf({ Entrypoint: ["nothing"] }), 502, /Container failed to initialize.*start nothing, and has no such program/],
    [imageOf({ User: "eve" }), 400, /is to run as eve, and knows no such user/],
    [
      makeImage([layers[0] as Buffer, makeTar([{ name: "../../tmp/out", data: "x" }])], hello),
      502,
      /a layer is refused: .* leads out of it/,
    ],
    [makeImage([layers[0] as Buffer], hello, { diffIds: [`sha256:${"0".repeat(64)}`] }), 502, /does not unpack to what/],
  ];
  for (const [given, status, message] of cases) {
    const invoke = typeof given === "string" ? await functionOf(given) : (await deployed(given)).invoke;
    const answer = await invoke();
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.json["message"] as string, message);
    assert.ok(answer.headers.has("fn-call-id"));
  }
  assert.deepEqual(leftIn(platform), []);
});

/** What an interrupted pull would leave. */
const leftIn = ({ data }: Platform): string[] => readdirSync(join(data, "images")).filter((name) => name.startsWith(".new-"));

test("calls at the same time share a pull; images share what they have in common", { skip, timeout }, async () => {
  const image = imageOf({ Labels: { only: "here" } });
  const { invoke } = await deployed(image);
  const answers = await Promise.all(Array.from({ length: 8 }, () => invoke()));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]), answers[0]?.text);
  assert.equal(platform.log().split(`Pulling the image team/image@${image.digest}`).length - 1, 1);
  const kept = readdirSync(join(platform.data, "images/layers"));
  assert.ok(kept.length < 10, `${kept.length} layers`);
});

test("a revision keeps the image that its tag named, also after a restart without the registry; a new one gets the new", {
  skip,
  timeout,
}, async () => {
  const own = await startImageRegistry();
  const data = mkdtempSync(join(tmpdir(), "kiln-images-"));
  let on = await startPlatform({ data });
  try {
    const name = `${own.host}/moving:latest`;
    const version = (text: string) => imageOf({ Env: ["PATH=/bin", `GREETING=${text}`] });
    await pushImage(name, version("one"));
    const base = `${on.url}/kiln/v1/namespaces/guest/apps/images`;
    await put(base, {});
    await put(`${base}/functions/moving`, { image: name, timeoutMs: 20_000 });
    const said = async () =>
      (await call(`${on.url}/kiln/v1/namespaces/guest/apps/images/functions/moving/invoke`, {})).json["config"];
    assert.equal(await said(), "one");
    await pushImage(name, version("two"));
    await on.crash();
    await own.stop();
    on = await startPlatform({ data });
    assert.equal(await said(), "one");
  } finally {
    await on.stop();
    rmSync(data, { recursive: true, force: true });
  }
  // The registry of the others is still there.
  const name = `${server.host}/team/image:moving`;
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps/images`;
  for (const [index, text] of ["one", "two"].entries()) {
    await pushImage(name, imageOf({ Env: ["PATH=/bin", `GREETING=${text}`] }));
    await put(`${base}/functions/moving`, { image: name, timeoutMs: 20_000 + index });
    assert.equal((await call(`${base}/functions/moving/invoke`, {})).json["config"], text);
  }
});

test("a private registry with TLS: its certificate and the credentials are settings", { skip, timeout }, async () => {
  const own = await startImageRegistry({ user: { name: "ada", password: "secret" }, tls: true });
  const settings = { ...testRegistry, credentialsFile: own.credentialsFile, certificatesFile: own.certificate };
  const env = { POLYKILN_REGISTRY_AUTH: own.credentialsFile, POLYKILN_REGISTRY_CA: own.certificate };
  const on = await startPlatform({ env });
  try {
    const name = `${own.host}/private/hello:1`;
    await pushImage(name, imageOf({}), settings);
    const answer = await (await functionOf(name, on))({});
    assert.equal(answer.status, 200, answer.text);
    // Who has neither is told so.
    const refused = await (await functionOf(name))({});
    assert.deepEqual([refused.status, /self-signed certificate/.test(refused.text)], [502, true], refused.text);
  } finally {
    await on.stop();
    await own.stop();
  }
});

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !holds(); await sleep(20)) assert.ok(Date.now() < deadline, `in vain: ${what}`);
}

test("a pull has a time of its own: neither the function's nor that of waiting for a sandbox", { skip, timeout }, async () => {
  const image = imageOf({ Labels: { slow: "yes" } });
  await pushImage(`${server.host}/team/image:slow1`, image);
  const slow = await slowRegistry(server.host, layersOf(image));
  const on = await startPlatform({ env: { POLYKILN_WAIT_MS_MAX: "5000" } });
  try {
    const id = await imageFunction(on.url, "slow", `${slow.host}/team/image:slow1`, { timeout: 3 });
    const answer = call(`${on.url}/invoke/${id}`, {});
    await until("a layer is asked for", () => slow.asked() > 0);
    await sleep(6000);
    slow.go();
    assert.equal((await answer).status, 200, (await answer).text);
  } finally {
    await on.stop();
    await slow.stop();
  }
});

test("a pull that takes too long is given up, and one whose server dies leaves nothing", { skip, timeout }, async () => {
  const image = imageOf({ Labels: { slow: "very" } });
  await pushImage(`${server.host}/team/image:slow2`, image);
  const slow = await slowRegistry(server.host, layersOf(image));
  const data = mkdtempSync(join(tmpdir(), "kiln-images-"));
  const env = { POLYKILN_PULL_TIMEOUT_MS: "3000" };
  let on = await startPlatform({ data, env });
  try {
    const invoke = await functionOf(`${slow.host}/team/image:slow2`, on);
    const answer = await invoke();
    assert.deepEqual([answer.status, answer.json["message"]], [504, "Image pull timed out"]);
    assert.deepEqual(leftIn(on), []);
    const again = invoke().catch(() => null);
    await until("it is pulled again", () => leftIn(on).length > 0);
    await on.crash();
    await again;
    on = await startPlatform({ data, env });
    assert.deepEqual(leftIn(on), []);
    assert.ok(existsSync(join(data, "images/roots")));
  } finally {
    await on.stop();
    await slow.stop();
    rmSync(data, { recursive: true, force: true });
  }
});
