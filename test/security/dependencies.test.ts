/** What scripts of packages do while they are installed: nothing, unless the function allows them, and then nothing outside of their sandbox. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeTar } from "../archives.ts";
import { call, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { type Registry, type RegistryPackage, startRegistry } from "../registry.ts";
import { cannotCount } from "../reliability/footprint.ts";

/** Tries to reach what a sandbox must not, directly and by the way that package managers have; keeps what came of it. */
const probe = (port: number) => `
const net = require("node:net"), http = require("node:http"), fs = require("node:fs");
const places = { platform: "127.0.0.1:${port}", metadata: "169.254.169.254:80", router: "100.64.0.1:53", machine: "10.0.0.1:22", internet: "1.1.1.1:443" };
const tried = { user: process.getuid(), read: ["/etc/shadow", "/root/.npmrc"].filter((path) => { try { fs.readFileSync(path); return true } catch { return false } }) };
const direct = (place) => new Promise((resolve) => {
  const [host, port] = place.split(":");
  const socket = net.connect({ host, port: Number(port), timeout: 3000 });
  const end = (what) => { socket.destroy(); resolve(what) };
  socket.on("connect", () => end("connected")).on("error", (error) => end(error.code)).on("timeout", () => end("timeout"));
});
const proxied = (place) => new Promise((resolve) => {
  const { hostname, port } = new URL(process.env.HTTPS_PROXY);
  const request = http.request({ hostname, port, method: "CONNECT", path: place });
  request.on("connect", (response, socket) => { socket.destroy(); resolve(response.statusCode) }).on("error", (error) => resolve(error.code)).end();
});
(async () => {
  for (const [name, place] of Object.entries(places)) tried[name] = [await direct(place), await proxied(place)];
  fs.writeFileSync("result.json", JSON.stringify(tried));
})();`;

const script = (name: string, install: string, files: Record<string, string> = {}): RegistryPackage => ({
  name,
  version: "1.0.0",
  files: { "index.js": "module.exports = 1;", ...files },
  manifest: { scripts: { install } },
});

/** Takes the place of our program, and sends what is no answer. */
const liar =
  "const fs = require('fs'); fs.rmSync('/tmp/kiln/install.sock'); require('net').createServer((s) => s.on('error', () => {}).write('169.254.169.254:80\\n' + 'x'.repeat(1e6))).listen('/tmp/kiln/install.sock'); setTimeout(() => process.exit(1), 2000)";

function archiveOf(name: string): Buffer {
  const text = `module.exports = () => ({ found: require("${name}") });`;
  const manifest = JSON.stringify({ dependencies: { [name]: "1.0.0" } });
  return makeTar([
    { name: "package.json", data: manifest },
    { name: "index.js", data: text },
  ]);
}

describe("scripts of packages", { skip: cannotCount, timeout: 300_000 }, () => {
  let registry: Registry;
  let platform: Platform;
  const packages: RegistryPackage[] = [
    script("memory", `node -e "const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))"`),
    script("killer", `sh -c "kill -9 -1"`),
    script("liar", "node liar.js", { "liar.js": liar }),
    script("endless", `sh -c "while :; do sleep 1; done"`),
    script("device", `sh -c "mkfifo pipe; ln -s pipe link; ln -s /proc/self/environ environ"`),
  ];

  before(async () => {
    registry = await startRegistry(packages);
    const flags = [
      "--npm-registry",
      registry.url,
      "--install-memory-mib",
      "384",
      "--install-timeout-ms",
      "30000",
      "--start-timeout-ms",
      "60000",
    ];
    platform = await startPlatform({ flags });
    const index = 'try { module.exports = require("./result.json") } catch { module.exports = "no script ran" }';
    registry.add(script("probe", "node probe.js", { "index.js": index, "probe.js": probe(platform.port) }));
  });
  after(async () => {
    await platform?.stop();
    await registry?.close();
  });

  async function found(name: string, install: string): Promise<unknown> {
    const { invokeUrl } = await platform.deploy({ name: `${name}-${install}`, archive: archiveOf(name), settings: { install } });
    return (await call(invokeUrl, {})).json["found"];
  }

  async function refused(name: string, reason: string): Promise<void> {
    const url = `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/${name}`;
    const body = JSON.stringify({ kind: "nodejs:24", code: archiveOf(name).toString("base64"), install: "scripts" });
    const answer = await send("PUT", url, body, { "content-type": "application/json" });
    assert.equal(answer.status, 422, answer.text);
    assert.equal((answer.json["details"] as { reason: string }).reason, reason, answer.text);
  }

  test("do not run unless the function says so", async () => {
    assert.equal(await found("probe", "auto"), "no script ran");
  });

  test("reach nothing but registries, and nothing of the machine", async () => {
    const { user, read, ...tried } = (await found("probe", "scripts")) as Record<string, unknown>;
    assert.deepEqual([user, read], [1000, []]);
    assert.deepEqual(Object.keys(tried), ["platform", "metadata", "router", "machine", "internet"]);
    for (const [place, [direct, proxied]] of Object.entries(tried as Record<string, [string, number]>)) {
      assert.notEqual(direct, "connected", place);
      assert.equal(proxied, 403, place);
    }
  });

  test("end with their sandbox, whatever they do to it, and others are served", async () => {
    await refused("memory", "memory");
    await refused("killer", "failed");
    await refused("endless", "timeout");
    await refused("device", "unusable");
    await refused("liar", "failed");
    assert.deepEqual(
      readdirSync(join(platform.data, "packages")).filter((name) => name.startsWith(".")),
      [],
    );
    assert.equal(await found("probe", "auto"), "no script ran");
  });
});
