/** The package as users get it: packed, installed from the tarball, run by whatever Node is on the machine. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { cleanEnvironment } from "../platform.ts";

const execute = promisify(execFile);
const project = join(import.meta.dirname, "../..");
const npmFlags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];

/** The machine's own programs: not those of this project's node_modules. */
const path = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"))
  .join(delimiter);

describe("the packed package", { timeout: 400_000 }, () => {
  let folder: string;
  let app: string;
  const env: Record<string, string> = { ...cleanEnvironment, PATH: path };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "kiln-package-"));
    chmodSync(folder, 0o711);
    env["XDG_DATA_HOME"] = join(folder, "data");
    env["XDG_CONFIG_HOME"] = join(folder, "config");
    const tarball = await pack(join(folder, "source"));
    app = join(folder, "app");
    mkdirSync(app);
    writeFileSync(join(app, "package.json"), '{ "name": "app", "private": true }');
    await execute("npm", ["install", ...npmFlags, tarball], { cwd: app, env, timeout: 300_000 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A copy, so that what the build makes does not lie beside the sources that everybody else runs. */
  async function pack(source: string): Promise<string> {
    const kept = [
      "src",
      "bin",
      "runtimes",
      "schemas",
      "system",
      "templates",
      "examples",
      "package.json",
      "tsconfig.json",
      "tsconfig.build.json",
      "tsconfig.types.json",
      "LICENSE",
      "README.md",
    ];
    for (const name of [...kept, "ui", "fdk/node/package.json"]) {
      if (existsSync(join(project, name))) cpSync(join(project, name), join(source, name), { recursive: true });
    }
    symlinkSync(join(project, "node_modules"), join(source, "node_modules"));
    const { stdout } = await execute("npm", ["pack", "--json", "--loglevel=error"], { cwd: source, env, timeout: 180_000 });
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as [{ filename: string }];
    return join(source, filename);
  }

  const npx = async (...args: string[]) =>
    (await execute("npx", ["--no-install", ...args], { cwd: app, env, timeout: 60_000 })).stdout;

  test("npx polykiln and pk run, on an old Node too, without TypeScript", async (t) => {
    const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string };
    t.diagnostic((await execute("node", ["--version"], { env })).stdout.trim());
    assert.equal(await npx("polykiln", "version"), `polykiln ${version}\n`);
    assert.equal(await npx("pk", "version"), `polykiln ${version}\n`);
    assert.equal(existsSync(join(app, "node_modules/typescript")), false);
    assert.equal(existsSync(join(app, "node_modules/polykiln/src")), false);
  });

  test("init, dev, a call; the schema for editors is there", async () => {
    await npx("polykiln", "init", "hello", "--yes");
    assert.ok(existsSync(join(app, "node_modules/polykiln/schemas/kiln.schema.json")));
    const dev = spawn(join(app, "node_modules/.bin/polykiln"), ["dev", "hello", "--json", "--listen", "127.0.0.1:0"], {
      cwd: app,
      env,
    });
    try {
      const { functions } = await ready(dev);
      const response = await fetch(functions[0]?.url ?? "", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"name":"you"}',
      });
      assert.deepEqual([response.status, await response.json()], [200, { message: "Hello you" }]);
      assert.equal((await fetch(new URL("/ui/", functions[0]?.url))).status, 200, "the console is in the package");
    } finally {
      dev.kill("SIGTERM");
      await new Promise((resolve) =>
        dev.exitCode === null && dev.signalCode === null ? dev.once("exit", resolve) : resolve(null),
      );
    }
    assert.equal(dev.exitCode, 0);
  });
});

/** The first event of `dev --json`. */
function ready(dev: ChildProcess): Promise<{ functions: { url: string }[] }> {
  return new Promise((resolve, reject) => {
    let [text, said] = ["", ""];
    dev.stderr?.setEncoding("utf8").on("data", (piece: string) => (said += piece));
    dev.stdout?.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      const feed = text.indexOf("\n");
      if (feed >= 0) resolve(JSON.parse(text.slice(0, feed)) as { functions: { url: string }[] });
    });
    dev.once("exit", (code) => reject(new Error(`dev ended with ${code}: ${said}`)));
  });
}
