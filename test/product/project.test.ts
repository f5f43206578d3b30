/** Fn's project files as they are: what is read, what is said of mistakes, and what a deploy of them does. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { renderFailure, Failure } from "../../src/cli/failure.ts";
import { bumpVersion } from "../../src/cli/project/bump.ts";
import { editorSchemas } from "../../src/cli/project/func-schema.ts";
import { lineDiff } from "../../src/cli/project/line-diff.ts";
import { type Project, readProject } from "../../src/cli/project/project.ts";
import { call } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { idleKeys } from "../../src/cli/project/schemas.ts";
import { folderOf, funcYaml, greeter } from "./fn-projects.ts";
import { pk } from "./pk.ts";

const schemas = join(import.meta.dirname, "../../schemas");

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), "kiln-project-"));
});
after(() => rmSync(home, { recursive: true, force: true }));

function read(files: Readonly<Record<string, string>>, options: { all?: boolean; app?: string } = {}): Project {
  const folder = folderOf(home, files);
  return readProject(folder, { cwd: folder, variables: { SECRET: "s3" }, ...options });
}

function complaintOf(files: Readonly<Record<string, string>>, options: { all?: boolean } = {}): string {
  try {
    read(files, options);
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    return renderFailure(error, (_, text) => text);
  }
  throw new Error("It was taken");
}

test("func.yaml of the current version: every key is read, or named as one that changes nothing", () => {
  const { app, appConfig, appSyslogUrl, functions, routes, warnings, notes } = read({
    "app.yaml":
      "name: shop\nconfig: { LAYER: app, RATE: 1.5 }\nannotations: { note: { deep: [1] } }\nsyslog_url: tcp+tls://logs:6514\n",
    "func.yaml": `schema_version: 20180708
name: all
version: 1.2.3
runtime: node22
build_image: fnproject/node:22-dev
run_image: fnproject/node:22
entrypoint: node other.js
cmd: --fast yes
content_type: text/plain
type: sync
memory: 512
timeout: 12
idle_timeout: 60
config: { KEY: "\${env:SECRET}", PLAIN: "\${NOT_OURS}", COUNT: 3 }
annotations: { "a/b": 1.50 }
build: [echo one, echo two]
expects: { config: [{ name: KEY, required: true }, { name: LAYER, required: true }, { name: MAYBE }] }
triggers: [{ name: one, type: http, source: /one }, { name: two, source: two }]
signing_details: { kms_key_id: k, signing_algorithm: a }
deploy: { oci: { provisioned_concurrency: { strategy: CONSTANT, count: 2 }, detached_mode: { timeout: 5m }, freeform_tags: { a: b } } }
`,
  });
  const [fn] = functions;
  assert.deepEqual([app, appConfig, appSyslogUrl], ["shop", { LAYER: "app", RATE: "1.5" }, "tcp+tls://logs:6514"]);
  const { kind, protocol, command, memoryMiB, timeoutMs, idleTimeoutMs, provisioned, config, annotations } = fn?.settings ?? {};
  assert.deepEqual([kind, protocol, command], ["nodejs:22", "http-stream", ["node", "other.js", "--fast", "yes"]]);
  assert.deepEqual([memoryMiB, timeoutMs, idleTimeoutMs, provisioned], [512, 12_000, 60_000, 2]);
  assert.deepEqual(config, { KEY: "s3", PLAIN: "${NOT_OURS}", COUNT: "3" });
  assert.deepEqual(annotations, { "a/b": 1.5 });
  assert.deepEqual(fn?.build, ["echo one", "echo two"]);
  assert.deepEqual(
    routes.map(({ name, source }) => [name, source]),
    [
      ["one", "/one"],
      ["two", "/two"],
    ],
  );
  assert.deepEqual([fn?.funcFile?.version, fn?.funcFile?.imageName, fn?.funcFile?.contentType], ["1.2.3", "all", "text/plain"]);
  assert.deepEqual(warnings, []);
  assert.match(
    notes?.join() ?? "",
    /^func.yaml: build_image, run_image, signing_details, deploy.oci.detached_mode, deploy.oci.freeform_tags have no meaning here$/,
  );
  assert.ok(idleKeys().includes("cpus") && !idleKeys().includes("memory"));
});

test("the version before: a path for triggers and for /r, type, format, tests, and what the client never read from YAML", () => {
  const { functions, routes, warnings } = read({
    "func.yml": `name: me/old
version: 0.0.9
runtime: python3.11
entrypoint: /python/bin/fdk /function/greet.py hello
path: /say/hello
type: async
format: json
cpus: 100m
headers: { X-A: [b] }
config:
tests:
- { name: first, input: { body: { a: 1 } }, outoutput: { body: { b: 2 } } }
- { input: { body: "" }, output: { body: text } }
- { input: {}, err: broken }
`,
  });
  const [fn] = functions;
  const { protocol, handler, command, annotations } = fn?.settings ?? {};
  assert.deepEqual([fn?.name, protocol, handler, command], ["old", "stdio-json", "greet.hello", null]);
  assert.deepEqual(annotations, { "polykiln/path": "/say/hello", "polykiln/type": "async" });
  assert.deepEqual(routes, [{ name: "old", function: "old", source: "/say/hello" }]);
  assert.deepEqual(fn?.funcFile?.tests().tests, [
    { name: "first", body: '{"a":1}', output: { b: 2 }, error: null },
    { name: "test 2", body: "", output: "text", error: null },
    { name: "test 3", body: "", output: undefined, error: "broken" },
  ]);
  assert.deepEqual(warnings, []);
});

test("what `fn migrate` writes, and JSON", () => {
  const migrated = read({
    "func.yaml": `${funcYaml("f")}triggers:\n- name: f\n  type: http\n  source: /f\n`,
    "func.yaml.bak": "name: f",
  });
  assert.deepEqual(migrated.routes, [{ name: "f", function: "f", source: "/f" }]);
  const json = read({ "func.json": '{"schema_version":20180708,"name":"j","runtime":"go","entrypoint":"./func"}' });
  assert.deepEqual([json.functions[0]?.name, json.functions[0]?.include], ["j", ["/func"]]);
});

test("unknown keys are named at any depth, with their place and the nearest one", () => {
  const { warnings } = read({
    "app.yaml": "name: shop\nconfg: {}\n",
    "func.yaml": `${funcYaml("f")}memmory: 1\ntriggers:\n- name: a\n  sorce: /b\n  source: /a\nexpects:\n  config:\n  - name: X\n    requird: true\n`,
  });
  assert.deepEqual(warnings, [
    "app.yaml:2:1: confg is no key of app.yaml and is ignored; did you mean config?",
    "func.yaml:6:1: memmory is no key of func.yaml and is ignored; did you mean memory?",
    "func.yaml:9:3: sorce is no key of func.yaml and is ignored; did you mean source?",
    "func.yaml:14:5: requird is no key of func.yaml and is ignored; did you mean required?",
  ]);
});

const mistakes: readonly (readonly [what: string, files: Readonly<Record<string, string>>, said: RegExp])[] = [
  ["broken YAML", { "func.yaml": "name: f\n  runtime: node\n" }, /The YAML is broken[\s\S]*func\.yaml:\d+:\d+/],
  ["no map", { "func.yaml": "- a\n" }, /The file must be a map of keys[\s\S]*func\.yaml:1:1/],
  [
    "a word for a number",
    { "func.yaml": funcYaml("f", "memory: lots\n") },
    /memory is "lots", must be integer[\s\S]*func\.yaml:6:9/,
  ],
  ["too much", { "func.yaml": funcYaml("f", "timeout: 90000\n") }, /timeout is 90000, must be <= 900/],
  [
    "another version",
    { "func.yaml": "schema_version: 2019\nname: f\nruntime: go\n" },
    /schema_version is 2019, must be 20180708/,
  ],
  [
    "no semantic version",
    { "func.yaml": "name: f\nversion: one\nruntime: go\n" },
    /version is "one", must be MAJOR\.MINOR\.PATCH[\s\S]*fix: write version/,
  ],
  [
    "another trigger",
    { "func.yaml": funcYaml("f", "triggers: [{ name: a, type: htp, source: / }]\n") },
    /triggers\.0\.type is "htp", must be one of http[\s\S]*did you mean http\?/,
  ],
  ["half a trigger", { "func.yaml": funcYaml("f", "triggers: [{ name: a }]\n") }, /triggers\.0 has no source/],
  [
    "a runtime with a typo",
    { "func.yaml": "name: f\nruntime: nod\n" },
    /The runtime "nod" cannot be run here[\s\S]*did you mean node\?/,
  ],
  [
    "a Dockerfile",
    { "func.yaml": "name: f\nruntime: docker\n" },
    /means a Dockerfile[\s\S]*fix: build and push it with `fn build`/,
  ],
  [
    "an old format with a typo",
    { "func.yaml": "name: f\nruntime: go\nformat: jsno\n" },
    /format is "jsno"[\s\S]*did you mean json\?/,
  ],
  [
    "no expected config",
    { "func.yaml": funcYaml("f", "config: { TOKN: a }\nexpects: { config: [{ name: TOKEN, required: true }] }\n") },
    /expects TOKEN in its config[\s\S]*did you mean TOKN\?[\s\S]*fix: add TOKEN/,
  ],
  [
    "a receiver of logs",
    { "app.yaml": "syslog_url: http://x\n", "func.yaml": funcYaml("f") },
    /syslog_url is "http:\/\/x"[\s\S]*app\.yaml:1:13[\s\S]*tcp:\/\//,
  ],
  ["an app alone", { "app.yaml": "name: a\n", "f/func.yaml": funcYaml("f") }, /is an app, and no function[\s\S]*fix: add --all/],
];

for (const [what, files, said] of mistakes) test(`mistakes: ${what}`, () => assert.match(complaintOf(files), said));

test("the whole tree is one app: unnamed functions have the path as their name; twins and apps without a name are refused", () => {
  const tree = {
    "app.yaml": "name: shop\nconfig: { LAYER: app }\n",
    "func.yaml": funcYaml("top"),
    "a/b/func.yaml": "schema_version: 20180708\nruntime: node\nexpects: { config: [{ name: LAYER, required: true }] }\n",
    "a/func.yml": "runtime: go\n",
    "node_modules/x/func.yaml": funcYaml("foreign"),
    ".hidden/func.yaml": funcYaml("hidden"),
  };
  const { app, functions, routes } = read(tree, { all: true });
  assert.deepEqual([app, functions.map(({ name }) => name)], ["shop", ["top", "a", "a-b"]]);
  assert.deepEqual(routes, [{ name: "a", function: "a", source: "/a" }]);
  assert.match(
    complaintOf({ ...tree, "z/func.yaml": funcYaml("top") }, { all: true }),
    /same name: top[\s\S]*z\/func\.yaml:2:7[\s\S]*func\.yaml:2:7/,
  );
  assert.match(complaintOf({ ...tree, "y/func.yaml": "name: y\nruntime: go\npath: /a\n" }, { all: true }), /same path: \/a/);
  assert.match(complaintOf({ "x/func.yaml": funcYaml("x") }, { all: true }), /no app\.yaml[\s\S]*--app NAME/);
  assert.match(complaintOf({ "app.yaml": "name: a\n" }, { all: true }), /no function here or below/);
});

test("a version is raised where it stands, and all else in the file stays", () => {
  const folder = folderOf(home, {
    "func.yaml": "# mine\nname: f\nversion: 1.2.3 # why\n",
    "func.json": '{"version": "0.0.9", "name": "j"}',
    "none.yaml": "name: n",
  });
  const text = (name: string) => readFileSync(join(folder, name), "utf8");
  assert.deepEqual(
    [bumpVersion(join(folder, "func.yaml"), true), text("func.yaml")],
    ["1.2.4", "# mine\nname: f\nversion: 1.2.4 # why\n"],
  );
  assert.equal(bumpVersion(join(folder, "func.yaml"), "minor"), "1.3.0");
  assert.equal(bumpVersion(join(folder, "func.yaml"), "major"), "2.0.0");
  assert.deepEqual(
    [bumpVersion(join(folder, "func.json"), "patch"), text("func.json")],
    ["0.0.10", '{"version": "0.0.10", "name": "j"}'],
  );
  assert.deepEqual([bumpVersion(join(folder, "none.yaml"), true), text("none.yaml")], ["0.0.1", "name: n\nversion: 0.0.1\n"]);
});

const shown = (from: string, to: string) => lineDiff(from, to).map(({ sign, text }) => sign + text);

test("a difference is told in as few lines as can be", () => {
  assert.deepEqual(shown("a\nb\nc", "a\nx\nc\nd"), [" a", "-b", "+x", " c", "+d"]);
  assert.deepEqual(shown("same", "same"), [" same"]);
});

test("the schemas for editors are the ones that the client checks with", () => {
  for (const [name, schema] of Object.entries(editorSchemas()))
    assert.deepEqual(JSON.parse(readFileSync(join(schemas, name), "utf8")), schema, "run npm run build");
});

describe("projects of Fn on a server", { timeout: 300_000 }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform?.stop());
  const run = (cwd: string, ...args: string[]) => pk(args, { cwd, env: { POLYKILN_URL: platform.url } });

  test("deploy --all brings a tree: config, annotations, syslog, triggers; twice changes nothing; --bump raises versions", async () => {
    const cwd = folderOf(home, {
      "app.yaml": "name: tree\nconfig: { LAYER: app }\nannotations: { note: 1 }\nsyslog_url: udp://127.0.0.1:5514\n",
      "one/func.yaml": funcYaml("one", "triggers: [{ name: go, type: http, source: /go }]\n"),
      "one/func.js": greeter,
      "two/deep/func.yaml": `schema_version: 20180708\nruntime: node\nconfig: { LAYER: own }\n`,
      "two/deep/func.js": greeter,
    });
    const first = await run(cwd, "deploy", "--all");
    assert.equal(first.code, 0, first.stderr);
    assert.match(
      first.stdout,
      /app tree created[\s\S]*function one created[\s\S]*function two-deep created[\s\S]*route go created/,
    );
    const app = JSON.parse((await run(cwd, "app", "inspect", "tree", "--json")).stdout) as Record<string, unknown>;
    assert.deepEqual(
      [app["config"], app["annotations"], app["syslogUrl"]],
      [{ LAYER: "app" }, { note: 1 }, "udp://127.0.0.1:5514"],
    );
    assert.equal((await run(cwd, "deploy", "--all")).stdout, "no changes\n");
    writeFileSync(join(cwd, "app.yaml"), "name: tree\nconfig: { LAYER: app }\nannotations: { note: 1 }\n");
    const second = await run(cwd, "deploy", "--all", "--bump");
    assert.match(second.stdout, /^~ app tree changed \(syslogUrl\)\n$/);
    assert.match(readFileSync(join(cwd, "one/func.yaml"), "utf8"), /^version: 0\.0\.2$/m);
    const viaTrigger = await call(`${platform.url}/t/tree/go`, { name: "you" });
    assert.deepEqual(viaTrigger.json, { message: "Hello you", layer: "app" }, viaTrigger.text);
    const invoked = await run(cwd, "invoke", "tree/two-deep");
    assert.equal(invoked.stdout, '{"message":"Hello World","layer":"own"}');
  });

  test("without app.yaml an app that is there stays as it is; a missing entry file is named", async () => {
    const cwd = folderOf(home, { "func.yaml": funcYaml("single"), "func.js": greeter });
    await run(cwd, "app", "create", "kept", "--config", "A=1");
    assert.equal((await run(cwd, "deploy", "--app", "kept")).code, 0);
    const app = JSON.parse((await run(cwd, "app", "inspect", "kept", "--json")).stdout) as Record<string, unknown>;
    assert.deepEqual(app["config"], { A: "1" });
    rmSync(join(cwd, "func.js"));
    writeFileSync(join(cwd, "package.json"), "{}");
    const missing = await run(cwd, "deploy", "--app", "kept");
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /single starts with func\.js, which is not there[\s\S]*at func\.yaml:2:7[\s\S]*fix: write /);
  });

  test("test calls what is deployed, shows what differs, and ends with 1 when something does", async () => {
    const tests = [
      { name: "greets", input: { body: { name: "Johnny" } }, output: { body: { layer: "x", message: "Hello Johnny" } } },
      { name: "differs", input: { body: "" }, output: { body: { message: "Hello Wrold", layer: "x" } } },
      { name: "fails", input: { body: { name: "error" } }, err: "Hello error" },
      { name: "fails not", input: { body: { name: "a" } }, err: "failed" },
    ];
    const cwd = folderOf(home, {
      "func.yaml": funcYaml("tested", "config: { LAYER: x }\n"),
      "func.js": greeter,
      "test.json": JSON.stringify({ tests }),
    });
    assert.equal((await run(cwd, "deploy", "--app", "tests")).code, 0);
    const ended = await run(cwd, "test", "--app", "tests", "--api-url", platform.url);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stdout, /^pass tested: greets \(.*\)\nFAIL tested: differs/);
    assert.match(ended.stdout, / - {3}"message": "Hello Wrold"\n {5}\+ {3}"message": "Hello World"\n/);
    assert.match(ended.stdout, /pass tested: fails \([\s\S]*FAIL tested: fails not[\s\S]*4 tests, 2 failed/);
    const json = JSON.parse((await run(cwd, "test", "--app", "tests", "--api-url", platform.url, "--json")).stdout) as {
      failed: number;
    };
    assert.equal(json.failed, 2);
    rmSync(join(cwd, "test.json"));
    const none = await run(cwd, "test", "--app", "tests", "--api-url", platform.url);
    assert.deepEqual([none.code, /There are no tests/.test(none.stderr)], [2, true]);
  });
});

test("test starts a server of its own where none is named, and leaves nothing", { timeout: 120_000 }, async () => {
  const tests = JSON.stringify({
    tests: [{ input: { body: { name: "Johnny" } }, output: { body: { message: "Hello Johnny" } } }],
  });
  const cwd = folderOf(home, { "func.yaml": funcYaml("own"), "func.js": greeter, "test.json": tests });
  const cache =
    process.env["POLYKILN_CACHE"] ??
    join(process.env["XDG_CACHE_HOME"] ?? join(process.env["HOME"] ?? "/root", ".cache"), "polykiln");
  const ended = await pk(["test"], { cwd, env: { POLYKILN_CACHE: cache } });
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  assert.match(ended.stdout, /1 tests, 0 failed/);
});
