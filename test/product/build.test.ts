/** Images of functions, made without Docker and judged by programs of others. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { settings } from "../../src/config/load.ts";
import { inspect } from "../../src/sandbox/bubblewrap/capabilities.ts";
import { call, put } from "../client.ts";
import { noDocker, startEngine } from "../docker.ts";
import { noImageRegistry, startImageRegistry } from "../image-registry.ts";
import { startPlatform } from "../platform.ts";
import { type Registry, startRegistry } from "../registry.ts";
import { makeRoot } from "../root-folder.ts";
import { folderOf, funcYaml, greeter } from "./fn-projects.ts";
import { pk, type PkEnded } from "./pk.ts";

/** The roots of kinds are there once for all tests. */
const cache = process.env["POLYKILN_CACHE"] ?? settings().cache.default;
const toolPath = `${process.env["PATH"] ?? ""}:/usr/local/go/bin`;
const missing = ["skopeo", "umoci"].find((program) => spawnSync("which", [program]).status !== 0);
const skip =
  missing !== undefined ? `${missing} missing: apt-get install ${missing}` : inspect().usable ? false : "no sandboxes here";

interface Config {
  readonly config: {
    readonly Env: string[];
    readonly User: string;
    readonly WorkingDir: string;
    readonly Entrypoint: string[] | null;
    readonly Cmd?: string[];
    readonly Labels: object;
  };
}

interface Built {
  readonly images: readonly {
    readonly digest: string;
    readonly layers: readonly { readonly digest: string }[];
    readonly sentBytes?: number;
  }[];
}

const configOf = (layout: string, tag: string): Config["config"] =>
  (JSON.parse(execFileSync("skopeo", ["inspect", "--config", `oci:${layout}:${tag}`], { encoding: "utf8" })) as Config).config;

describe("images without Docker", { skip, timeout: 600_000 }, () => {
  let home: string;
  let packages: Registry;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "kiln-build-"));
    packages = await startRegistry([{ name: "greet", version: "1.0.0", files: { "index.js": 'module.exports = () => "hi";' } }]);
  });
  after(async () => {
    await packages?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const run = (cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<PkEnded> =>
    pk([...args, "--json"], { cwd, env: { POLYKILN_CACHE: cache, POLYKILN_NPM_REGISTRY: packages.url, PATH: toolPath, ...env } });

  async function built(cwd: string, args: readonly string[], env?: Record<string, string>): Promise<Built["images"][number]> {
    const ended = await run(cwd, args, env);
    assert.equal(ended.code, 0, ended.stderr);
    return (JSON.parse(ended.stdout) as Built).images[0] as Built["images"][number];
  }

  async function fails(
    code: number,
    said: RegExp,
    cwd: string,
    args: readonly string[],
    env?: Record<string, string>,
  ): Promise<void> {
    const ended = await run(cwd, args, env);
    assert.equal(ended.code, code, ended.stdout + ended.stderr);
    assert.match(ended.stderr, said);
  }

  /** The root that others make of it. */
  function unpacked(layout: string, tag: string): string {
    const bundle = mkdtempSync(join(home, "bundle-"));
    execFileSync("umoci", ["unpack", "--image", `${layout}:${tag}`, bundle], { stdio: "pipe" });
    return join(bundle, "rootfs");
  }

  const nodeProject = {
    "func.yaml": funcYaml("hello"),
    "package.json": '{"name":"hello","version":"1.0.0","main":"func.js","dependencies":{"greet":"1.0.0"}}',
    "func.js": `require("greet");\n${greeter}`,
  };

  test("Node: files of the kind, packages, code; the same digest twice and on another path; skopeo and umoci read it", async () => {
    const cwd = folderOf(home, nodeProject);
    const layout = join(home, "layout");
    const first = await built(cwd, ["build", "--layout", layout]);
    assert.equal(first.layers.length, 3);
    const { User, WorkingDir, Entrypoint, Labels } = configOf(layout, "0.0.1");
    assert.deepEqual([User, WorkingDir, Entrypoint], ["1000:1000", "/function", ["node", "func.js"]]);
    assert.deepEqual(Labels, { "org.opencontainers.image.title": "hello", "org.opencontainers.image.version": "0.0.1" });
    const root = unpacked(layout, "0.0.1");
    for (const path of ["function/func.js", "function/node_modules/greet/index.js", "usr/bin/node", "etc/passwd"])
      assert.ok(existsSync(join(root, path)), path);
    assert.match(readFileSync(join(root, "etc/passwd"), "utf8"), /:1000:1000:/);
    assert.equal(lstatSync(join(root, "tmp")).mode & 0o7777, 0o1777);
    const elsewhere = join(mkdtempSync(join(home, "other-")), "folder");
    cpSync(cwd, elsewhere, { recursive: true });
    for (const name of readdirSync(elsewhere)) utimesSync(join(elsewhere, name), 1, 1);
    assert.equal((await built(elsewhere, ["build", "--layout", join(home, "layout-2")])).digest, first.digest);
    writeFileSync(join(elsewhere, "func.js"), `${greeter}// changed`);
    const changed = await built(elsewhere, ["build", "--layout", layout, "--tag", "next"]);
    assert.deepEqual([changed.digest === first.digest, changed.layers.slice(0, 2)], [false, first.layers.slice(0, 2)]);
    assert.equal(configOf(layout, "next").User, "1000:1000");
  });

  test("Go is compiled to the same bytes on another path; Python starts with the kit that the code brings", async () => {
    const main = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hi") }\n';
    const go = {
      "func.yaml": "schema_version: 20180708\nname: prog\nversion: 0.0.1\nruntime: go\nentrypoint: ./func\n",
      "go.mod": "module func\n\ngo 1.19\n",
      "main.go": main,
    };
    const [layout, env] = [join(home, "go"), { HOME: home, GOCACHE: join(home, "go-cache"), GOFLAGS: "-mod=mod" }];
    const first = await built(folderOf(home, go), ["build", "--layout", layout], env);
    const second = await built(folderOf(home, go), ["build", "--layout", layout], env);
    assert.equal(first.digest, second.digest);
    assert.deepEqual(configOf(layout, "0.0.1").Entrypoint, ["./func"]);
    assert.equal(execFileSync(join(unpacked(layout, "0.0.1"), "function/func"), { encoding: "utf8" }), "hi\n");
    const python = {
      "func.yaml": "schema_version: 20180708\nname: py\nruntime: python\nentrypoint: /python/bin/fdk /function/func.py handler\n",
      "func.py": "",
      "vendor/fdk/scripts/fdk.py": "",
    };
    await built(folderOf(home, python), ["build", "--layout", join(home, "py")]);
    const { Entrypoint, Env } = configOf(join(home, "py"), "latest");
    assert.deepEqual([Entrypoint?.[0], Entrypoint?.slice(-2)], ["/usr/bin/python3.11", ["/function/func.py", "handler"]]);
    assert.ok(Env.includes("PYTHONPATH=/function:/function/vendor"), Env.join());
  });

  test("a tree makes an image each; an own command becomes entrypoint and cmd; an archive is one file for docker load", async () => {
    const cwd = folderOf(home, {
      "app.yaml": "name: tree\n",
      "a/func.yaml": "schema_version: 20180708\nversion: 2.0.0\nruntime: node\nentrypoint: node start.js\ncmd: --port 1\n",
      "a/start.js": "",
      "b/c/func.yaml": funcYaml("owned"),
      "b/c/func.js": "",
    });
    const layout = join(home, "tree");
    const ended = await run(cwd, ["build", "--all", "--layout", layout]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(readdirSync(layout), ["a", "owned"]);
    const { Entrypoint, Cmd } = configOf(join(layout, "a"), "2.0.0");
    assert.deepEqual(
      [Entrypoint, Cmd],
      [
        ["node", "start.js"],
        ["--port", "1"],
      ],
    );
    const archive = join(home, "image.tar");
    const { digest } = await built(join(cwd, "b/c"), ["build", "--archive", archive, "--registry", "reg.example/me/"]);
    const seen = JSON.parse(execFileSync("skopeo", ["inspect", `oci-archive:${archive}`], { encoding: "utf8" })) as {
      Digest: string;
    };
    assert.equal(seen.Digest, digest);
    const loaded = execFileSync("skopeo", ["inspect", "--config", `docker-archive:${archive}:reg.example/me/owned:0.0.1`], {
      encoding: "utf8",
    });
    assert.match(loaded, /"func\.js"/);
  });

  test("push sends what is missing, and an image of ours runs under bubblewrap", { skip: noImageRegistry ?? false }, async () => {
    const registry = await startImageRegistry();
    const platform = await startPlatform({ flags: ["--start-timeout-ms", "60000"] });
    try {
      const cwd = folderOf(home, nodeProject);
      const args = ["push", "--registry", `${registry.host}/me`];
      const first = await built(cwd, args);
      assert.ok((first.sentBytes ?? 0) > 1_000_000);
      assert.deepEqual(await built(cwd, args).then(({ digest, sentBytes }) => [digest, sentBytes]), [first.digest, 0]);
      const name = `${registry.host}/me/hello:0.0.1`;
      const seen = execFileSync("skopeo", ["inspect", "--tls-verify=false", `docker://${name}`], { encoding: "utf8" });
      assert.equal((JSON.parse(seen) as { Digest: string }).Digest, first.digest);
      const fn = `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/hello`;
      await put(fn, { image: name, protocol: "http-stream", memoryMiB: 256, config: { LAYER: "image" } });
      const answer = await call(`${fn}/invoke`, { name: "you" });
      assert.deepEqual([answer.status, answer.json], [200, { message: "Hello you", layer: "image" }], answer.text);
    } finally {
      await platform.stop();
      await registry.stop();
    }
  });

  test("docker load takes an archive, and the Docker driver runs it", { skip: noDocker ?? false }, async () => {
    const archive = join(home, "load.tar");
    await built(folderOf(home, nodeProject), ["build", "--archive", archive]);
    const engine = await startEngine();
    try {
      execFileSync("docker", ["load", "-i", archive], { env: { ...process.env, DOCKER_HOST: engine.host }, stdio: "pipe" });
      const platform = await startPlatform({ env: { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host } });
      try {
        const fn = `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/hello`;
        await put(fn, { image: "hello:0.0.1", protocol: "http-stream", memoryMiB: 256, config: { LAYER: "docker" } });
        const answer = await call(`${fn}/invoke`, { name: "you" });
        assert.deepEqual([answer.status, answer.json], [200, { message: "Hello you", layer: "docker" }], answer.text);
      } finally {
        await platform.stop();
      }
    } finally {
      await engine.remove();
    }
  });

  test("a kind of one's own is a folder or an image and a line", { skip: noImageRegistry ?? false }, async () => {
    const registry = await startImageRegistry();
    const root = makeRoot(join(home, "own-root"));
    const image = `${registry.host}/me/hello:0.0.1`;
    await built(folderOf(home, nodeProject), ["push", "--registry", `${registry.host}/me`]);
    const kinds = `mine:1=${root} node func.js, pulled:2=${image}`;
    const platform = await startPlatform({ flags: ["--start-timeout-ms", "60000", "--kinds", kinds] });
    try {
      for (const runtime of ["mine:1", "pulled:2"]) {
        const name = runtime.replace(":", "-");
        const yaml = `schema_version: 20180708\nname: ${name}\nversion: 0.0.1\nruntime: ${runtime}\nmemory: 256\n`;
        const cwd = folderOf(home, { "func.yaml": yaml, "func.js": greeter });
        const ended = await run(cwd, ["deploy", "--app", "own"], { POLYKILN_URL: platform.url });
        assert.equal(ended.code, 0, ended.stderr);
        const answer = await call(`${platform.url}/kiln/v1/namespaces/guest/apps/own/functions/${name}/invoke`, {
          name: runtime,
        });
        assert.deepEqual([answer.status, answer.json], [200, { message: `Hello ${runtime}` }], answer.text);
      }
      const typo = folderOf(home, { "func.yaml": "name: f\nruntime: mien:1\n", "func.js": "" });
      const said = await run(typo, ["deploy", "--app", "own"], { POLYKILN_URL: platform.url });
      assert.match(said.stderr, /mien:1.*server does not have.*did you mean mine:1\?/s);
    } finally {
      await platform.stop();
      await registry.stop();
    }
  });

  test("registries that are down, closed or nowhere are told with the fix", { skip: noImageRegistry ?? false }, async () => {
    const registry = await startImageRegistry({ user: { name: "me", password: "secret" } });
    try {
      const cwd = folderOf(home, { "func.yaml": funcYaml("hello"), "func.js": greeter });
      await fails(4, /E_REGISTRY[\s\S]*docker login/, cwd, ["push", "--registry", `${registry.host}/me`]);
      await built(cwd, ["push", "--registry", `${registry.host}/me`], { POLYKILN_REGISTRY_AUTH: registry.credentialsFile });
      await fails(5, /E_REGISTRY[\s\S]*refuses connections[\s\S]*check that the registry runs/, cwd, [
        "push",
        "--registry",
        "127.0.0.1:1/me",
      ]);
      await fails(2, /E_IMAGE_NAME[\s\S]*no registry or owner[\s\S]*--registry HOST/, cwd, ["push"]);
      writeFileSync(join(cwd, "func.yaml"), "name: me/hello\nruntime: node\n");
      await fails(2, /me\/hello has no tag[\s\S]*add version: 0\.0\.1/, cwd, ["push"]);
      writeFileSync(join(cwd, "func.yaml"), funcYaml("Hello"));
      await fails(2, /capital letters[\s\S]*call the function hello/, cwd, ["build"]);
    } finally {
      await registry.stop();
    }
  });

  test("what cannot be built says why: nothing to start, no kit, packages that are not there", async () => {
    const layout = ["build", "--layout", join(home, "never")];
    await fails(
      2,
      /starts with func\.js, which is not there/,
      folderOf(home, { "func.yaml": funcYaml("f"), "a.txt": "" }),
      layout,
    );
    await fails(
      2,
      /nothing that nodejs:24 could run/,
      folderOf(home, { "func.yaml": "name: f\nruntime: node\n", "a.txt": "" }),
      layout,
    );
    await fails(2, /needs the package fdk/, folderOf(home, { "func.yaml": "name: f\nruntime: python\n", "func.py": "" }), layout);
    const wanting = { ...nodeProject, "package.json": '{"dependencies":{"grete":"1.0.0"}}' };
    await fails(1, /E_BUILD_FAILED[\s\S]*does not have grete/, folderOf(home, wanting), layout);
    await fails(
      2,
      /Kind .*ruby:9.* is unknown/,
      folderOf(home, { "func.yaml": "name: f\nruntime: ruby:9\n", "a.rb": "" }),
      layout,
    );
    const own = { "kiln.yaml": "functions:\n  f: { kind: nodejs:24 }\n", "index.js": "" };
    await fails(2, /does not speak Fn's contract[\s\S]*protocol: http-stream/, folderOf(home, own), layout);
    assert.ok(!existsSync(join(home, "never")));
  });

  test("a full disk is named, and leaves no half of a file", {
    skip: process.getuid?.() === 0 ? false : "mounting needs root",
  }, async () => {
    const full = join(home, "full");
    mkdirSync(full);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", full]);
    try {
      const cwd = folderOf(home, { "func.yaml": funcYaml("hello"), "func.js": greeter });
      await fails(1, /E_DISK_FULL[\s\S]*The disk is full: make room there/, cwd, ["build", "--layout", join(full, "layout")]);
      await fails(1, /E_DISK_FULL/, cwd, ["build", "--archive", join(full, "image.tar")]);
      const left = readdirSync(full, { recursive: true, encoding: "utf8" }).filter(
        (name) => name.endsWith(".new") || name.endsWith(".tar"),
      );
      assert.deepEqual(left, []);
    } finally {
      execFileSync("umount", [full]);
    }
    assert.deepEqual(readdirSync(join(cache, "builds")), []);
  });
});
