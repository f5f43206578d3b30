import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { type PackageManager, publicRegistries } from "../packages/packages.ts";
import { cargo } from "./cargo.ts";
import { go } from "./go.ts";
import { javac } from "./javac.ts";

const launchers = join(import.meta.dirname, "../../../runtimes/launchers");

let folder = "";
let made = 0;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "compilers-test-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function find(compiler: PackageManager, files: Readonly<Record<string, string>>, main: string | null = null) {
  const code = join(folder, String(made++));
  mkdirSync(code);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(code, path)), { recursive: true });
    writeFileSync(join(code, path), text);
  }
  return await compiler.find(code, { provided: {}, main, launchers });
}

/** What is compiled with the code, besides it. */
async function check(compiler: PackageManager, files: Readonly<Record<string, string>>, expected: string | null) {
  const wanted = await find(compiler, files);
  assert.equal(wanted?.written?.join(" ") ?? null, expected, JSON.stringify(files));
}

const launcherOf = async (compiler: PackageManager, files: Readonly<Record<string, string>>, main: string | null, path: string) =>
  (await find(compiler, files, main))?.files[path] ?? "";

const goFile = (main: string | null) => launcherOf(go, { "main.go": "" }, main, "polykiln_launcher.go");
const rustFile = (main: string | null) => launcherOf(cargo, { "main.rs": "" }, main, "polykiln_launcher/main.rs");

const cgo = async (files: Readonly<Record<string, string>>) => {
  const wanted = await find(go, files);
  assert.ok(wanted);
  return go.job(
    wanted,
    "auto",
    publicRegistries,
    Object.keys(files).map((path) => path.split("/")[0] as string),
  ).env["CGO_ENABLED"];
};

test("code is compiled where it is sources and has no program", async () => {
  await check(go, { "main.go": "package main" }, "go.mod polykiln_launcher.go");
  await check(go, { "main.go": "package main", "go.mod": "module x" }, "polykiln_launcher.go");
  await check(go, { "main.go": "package main\nfunc main() {}" }, "go.mod");
  await check(go, { "main.go": "package main", exec: "" }, null);
  await check(go, { "main.go": "package main", ".compiled/exec": "" }, null);
  await check(go, { "main_test.go": "package main", "sub/x.go": "" }, null);
  await check(cargo, { "main.rs": "" }, "Cargo.toml polykiln_launcher/Cargo.toml polykiln_launcher/main.rs");
  await check(cargo, { "Cargo.toml": "", "src/lib.rs": "" }, "polykiln_launcher/Cargo.toml polykiln_launcher/main.rs");
  await check(cargo, { "Cargo.toml": "", exec: "" }, null);
  await check(cargo, { "lib.rs": "" }, null);
  await check(javac, { "Main.java": "class Main {}" }, "polykiln-sources");
  await check(javac, { "Main.java": "\npublic final class Hello {}" }, "Hello.java polykiln-sources");
  await check(javac, { "a/Hello.java": "", "a/Hello.class": "" }, null);
  await check(javac, { "a.jar": "" }, null);
});

test("the function is called by its name, as its language writes it", async () => {
  assert.match(await goFile(null), /reflect\.ValueOf\(Main\)/);
  assert.match(await goFile("sum"), /reflect\.ValueOf\(Sum\)/);
  assert.match(await goFile("x); panic("), /reflect\.ValueOf\(Main\)/);
  assert.match(await rustFile(null), /actions::main\(/);
  assert.match(await rustFile("sum"), /actions::sum\(/);
});

test("a Rust file alone has the crates that it names", async () => {
  const dependencies = async (text: string) =>
    (await find(cargo, { "main.rs": text }))?.files["Cargo.toml"]?.split("[dependencies]\n")[1]?.trimEnd().split("\n");
  assert.deepEqual(await dependencies("use serde_json::Value;"), ['serde_json = "1"']);
  const derived = ['serde_json = "1"', 'serde = "1"', 'serde_derive = "1"'];
  assert.deepEqual(await dependencies("use serde_derive::{Serialize};"), derived);
  const features = ['serde_json = "1"', 'serde = { version = "1", features = ["derive"] }'];
  assert.deepEqual(await dependencies("use serde::Serialize;"), features);
  assert.deepEqual(await dependencies("extern crate serde;\nextern crate serde_derive;"), [...features, 'serde_derive = "1"']);
  const own = await find(cargo, { "Cargo.toml": '[package]\nname = "my-action"\n' });
  assert.match(own?.files["polykiln_launcher/Cargo.toml"] ?? "", /actions = \{ path = "\.\.", package = "my-action" \}/);
});

test("Go's library is used as it is there, unless modules may have parts in C", async () => {
  assert.equal(await cgo({ "main.go": "" }), "1");
  assert.equal(await cgo({ "main.go": "", "go.mod": "module x\nrequire a.b/c v1.0.0\n" }), "0");
  assert.equal(await cgo({ "main.go": "", "vendor/modules.txt": "" }), "0");
});

test("a compiler's words are the answer", () => {
  const said = "# action\n./main.go:1:1: wrong\n";
  assert.equal(go.explain(said).why, "\n./main.go:1:1: wrong");
  assert.equal(go.explain("link: write: no space left on device").reason, "disk");
});
