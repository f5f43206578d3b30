/** npm and pip themselves, and the registries that this machine reaches, as a deploy uses them. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeTar } from "../archives.ts";
import { call, put, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "../product/pk.ts";
import { cannotCount } from "../reliability/footprint.ts";

/** Of PyPI's idna 3.4. */
const idnaHash = "sha256:90b77e79eaa3eba6de819a0c442c0b4ceefc341a7a2ab77d7562bf49f425c5c2";

const manifest = (dependencies: object) => JSON.stringify({ name: "code", version: "1.0.0", dependencies });
const leftPad = (version: string) => ({
  version,
  resolved: `https://registry.npmjs.org/left-pad/-/left-pad-${version}.tgz`,
  integrity: "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcqQGsdot8ghrjyrvMCoEA==",
});

const yamlOf = (name: string, runtime: string, entrypoint: string) =>
  `schema_version: 20180708\nname: ${name}\nversion: 0.0.1\nruntime: ${runtime}\nentrypoint: ${entrypoint}\ntimeout: 60\nmemory: 160\n`;

const fnProjects = {
  "fn-node": {
    "func.yaml": yamlOf("fn-node", "node", "node func.js"),
    "package.json": '{"name":"hellofn","version":"1.0.0","main":"func.js","dependencies":{"@fnproject/fdk":">=0.0.13"}}',
    "func.js": `const fdk = require("@fnproject/fdk"); fdk.handle((input) => ({ message: "Hello " + input.name }));`,
  },
  "fn-python": {
    "func.yaml": yamlOf("fn-python", "python", "/python/bin/fdk /function/func.py handler"),
    "requirements.txt": "fdk>=0.1.40\n",
    "func.py": `import io, json\nfrom fdk import response\ndef handler(ctx, data: io.BytesIO = None):\n    name = json.loads(data.getvalue()).get("name")\n    return response.Response(ctx, response_data='{"message":"Hello %s"}' % name, headers={"Content-Type": "application/json"})\n`,
  },
};

describe("packages from registries", { skip: cannotCount, timeout: 600_000 }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform({ flags: ["--start-timeout-ms", "60000"] });
  });
  after(() => platform?.stop());

  async function answerOf(name: string, kind: string, files: Readonly<Record<string, string>>): Promise<unknown> {
    const archive = makeTar(Object.entries(files).map(([path, data]) => ({ name: path, data })));
    const { invokeUrl } = await platform.deploy({ name, archive, settings: { kind, memoryMiB: 160, timeoutMs: 60_000 } });
    const answer = await call(invokeUrl, {});
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  test("npm: a package with those it needs, ES modules too", async () => {
    const files = {
      "package.json": JSON.stringify({ type: "module", dependencies: { express: "5.1.0", nanoid: "5.1.5" } }),
      "index.js":
        'import express from "express"; import { nanoid } from "nanoid"; export const handler = () => ({ made: typeof express(), id: nanoid().length });',
    };
    assert.deepEqual(await answerOf("express", "nodejs:24", files), { made: "function", id: 21 });
  });

  test("npm: a lockfile that names the public registry", async () => {
    const dependencies = { "left-pad": "^1.0.0" };
    const packages = { "": { name: "code", version: "1.0.0", dependencies }, "node_modules/left-pad": leftPad("1.3.0") };
    const files = {
      "package.json": manifest(dependencies),
      "package-lock.json": JSON.stringify({ name: "code", version: "1.0.0", lockfileVersion: 3, requires: true, packages }),
      "index.js":
        'module.exports = () => ({ padded: require("left-pad")("x", 3), is: require("left-pad/package.json").version });',
    };
    assert.deepEqual(await answerOf("locked", "nodejs:24", files), { padded: "  x", is: "1.3.0" });
  });

  test("projects of Fn's own client, as it makes them: the kits come from the registries", async () => {
    const home = mkdtempSync(join(tmpdir(), "kiln-fn-"));
    try {
      for (const [name, files] of Object.entries(fnProjects)) {
        const cwd = join(home, name);
        mkdirSync(cwd);
        for (const [path, text] of Object.entries(files)) writeFileSync(join(cwd, path), text);
        const deployed = await pk(["deploy", "--app", "fn"], { cwd, env: { POLYKILN_URL: platform.url } });
        assert.equal(deployed.code, 0, deployed.stderr);
        const answer = await call(`${platform.url}/kiln/v1/namespaces/guest/apps/fn/functions/${name}/invoke`, { name: "you" });
        assert.deepEqual([answer.status, answer.text], [200, '{"message":"Hello you"}'], answer.text);
      }
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  test("pip: a package with hashes, one with compiled parts, and one that is built where that is allowed", async () => {
    const main = "def handler(event, context=None):\n    return";
    const hashed = {
      "requirements.txt": `idna==3.4 --hash=${idnaHash}\n`,
      "main.py": `import idna\n${main} {"is": idna.__version__}\n`,
    };
    assert.deepEqual(await answerOf("hashed", "python:3.11", hashed), { is: "3.4" });
    const text = 'str(markupsafe.escape("<")), "compiled": _speedups.__file__.endswith(".so")';
    const compiled = {
      "requirements.txt": "markupsafe==3.0.2\n",
      "main.py": `import markupsafe\nfrom markupsafe import _speedups\n${main} {"escaped": ${text}}\n`,
    };
    assert.deepEqual(await answerOf("compiled", "python:3.11", compiled), { escaped: "&lt;", compiled: true });
    // It is published as sources alone.
    const source = { "requirements.txt": "docopt==0.6.2\n", "main.py": `import docopt\n${main} {"is": docopt.__version__}\n` };
    const archive = makeTar(Object.entries(source).map(([name, data]) => ({ name, data }))).toString("base64");
    const url = `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/source`;
    const body = JSON.stringify({ kind: "python:3.11", code: archive });
    const refused = await send("PUT", url, body, { "content-type": "application/json" });
    assert.equal(refused.status, 422, refused.text);
    assert.match(refused.text, /no ready-made package for docopt.*install: scripts/);
    await put(url, { kind: "python:3.11", code: archive, install: "scripts" });
    assert.deepEqual((await call(`${url}/invoke`, {})).json, { is: "0.6.2" });
  });
});
