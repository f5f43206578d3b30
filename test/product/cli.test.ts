/** The client against a real server: what each command does, prints, and ends with. */
import assert from "node:assert/strict";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { commandNames } from "../../src/cli/program.ts";
import { editorSchema } from "../../src/cli/project/schema.ts";
import { functionKeys } from "../../src/cli/project/schemas.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk, type PkOptions } from "./pk.ts";

const project = join(import.meta.dirname, "../..");

/** A folder of a project by its files. */
function folderOf(parent: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(parent, "p-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const greeter =
  'exports.handler = (event) => { console.log("hi", event?.name); return { message: `Hello ${event?.name ?? "world"}` }; };';
const yamlOf = (app: string, more = "") => `app: ${app}\nfunctions:\n  hello:\n    kind: nodejs:24\n${more}`;

describe("the client", { timeout: 300_000 }, () => {
  let platform: Platform;
  let home: string;
  let env: Record<string, string>;
  let apps = 0;
  let app: string;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), "kiln-cli-"));
    platform = await startPlatform();
    env = { POLYKILN_URL: platform.url, HOME: home };
  });
  after(async () => {
    await platform?.stop();
    rmSync(home, { recursive: true, force: true });
  });
  beforeEach(() => {
    app = `app-${++apps}`;
  });

  /** Runs a command that has to end with 0; its stdout. */
  async function ok(args: readonly string[], options: Partial<PkOptions> = {}): Promise<string> {
    const { code, stdout, stderr } = await pk(args, { cwd: home, env, ...options });
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  }

  async function ends(code: number, said: RegExp, args: readonly string[], options: Partial<PkOptions> = {}): Promise<string> {
    const ended = await pk(args, { cwd: home, env, ...options });
    assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stdout}${ended.stderr}`);
    assert.match(ended.stderr, said);
    return ended.stderr;
  }

  const hello = () => folderOf(home, { "kiln.yaml": yamlOf(app), "index.js": greeter });

  test("deploy creates, says no changes, changes only what differs; --dry-run changes nothing; --prune deletes", async () => {
    const cwd = folderOf(home, {
      "kiln.yaml": `${yamlOf(app)}routes:\n  /hi: hello\n`,
      "index.js": greeter,
      "notes.txt": "x",
      ".gitignore": "*.txt\n",
    });
    assert.equal(
      await ok(["deploy", "--dry-run"], { cwd }),
      `+ app ${app} would be created\n+ function hello would be created\n+ route hi would be created\n`,
    );
    await ends(3, /does not exist/, ["app", "inspect", app]);
    assert.equal(await ok(["deploy"], { cwd }), `+ app ${app} created\n+ function hello created\n+ route hi created\n`);
    assert.equal(await ok(["deploy"], { cwd }), "no changes\n");
    writeFileSync(join(cwd, "notes.txt"), "ignored");
    assert.equal(await ok(["deploy"], { cwd }), "no changes\n", "ignored files are no code");
    writeFileSync(join(cwd, "index.js"), greeter.replace("Hello", "Bonjour"));
    assert.equal(await ok(["deploy"], { cwd }), "~ function hello changed (code)\n");
    writeFileSync(join(cwd, "kiln.yaml"), yamlOf(app, '    memoryMiB: 256\n    config: { A: "1" }\n'));
    const { stdout, stderr } = await pk(["deploy"], { cwd, env });
    assert.equal(stdout, "~ function hello changed (memoryMiB, config.A)\n");
    assert.match(stderr, /also has route hi, which this project does not; --prune deletes it/);
    assert.equal(await ok(["deploy", "--prune"], { cwd }), "- route hi deleted\n");
    writeFileSync(join(cwd, "kiln.yaml"), yamlOf(app));
    assert.equal(
      await ok(["deploy"], { cwd }),
      "~ function hello changed (memoryMiB, config.A)\n",
      "what was taken out goes back to its default",
    );
    const shown = JSON.parse(await ok(["deploy", "--json"], { cwd })) as { changed: boolean; app: string };
    assert.deepEqual([shown.changed, shown.app], [false, app]);
    await ok(["fn", "rollback", `${app}/hello`], { cwd });
    assert.equal(await ok(["deploy"], { cwd }), "~ function hello changed (traffic)\n", "a deploy ends the going back");
  });

  test("a build runs first, and what include names is packed although git ignores it", async () => {
    const yaml = yamlOf(app, "    build: [mkdir -p out, cp source.txt out/index.js]\n    include: [out/, package.json]\n");
    const cwd = folderOf(home, {
      "kiln.yaml": yaml,
      ".gitignore": "out/\n",
      "source.txt": greeter,
      "package.json": '{"main":"out/index.js"}',
      "other.js": "not packed",
    });
    await ok(["deploy"], { cwd });
    assert.equal(await ok(["invoke"], { cwd }), '{"message":"Hello world"}');
  });

  test("secrets come by reference and are never printed", async () => {
    const yaml = yamlOf(
      app,
      "    config:\n      TOKEN: ${env:TOKEN}\n      KEY: ${file:key.txt}\n      PLAIN: $${x}\n      N: 5\n",
    );
    const cwd = folderOf(home, {
      "kiln.yaml": yaml,
      "index.js": "exports.handler = () => process.env",
      "key.txt": "k3y\n",
      ".env": "TOKEN=from-file\n",
    });
    const { stdout, stderr } = await pk(["deploy", "--debug"], { cwd, env: { ...env, TOKEN: "from-shell" } });
    assert.doesNotMatch(stdout + stderr, /from-shell|k3y/);
    const values = JSON.parse(await ok(["invoke"], { cwd })) as Record<string, string>;
    assert.deepEqual([values["TOKEN"], values["KEY"], values["PLAIN"], values["N"]], ["from-shell", "k3y", "${x}", "5"]);
    assert.equal(await ok(["deploy"], { cwd }), "~ function hello changed (config.TOKEN)\n", ".env is read, the shell wins");
  });

  test("two deploys at once: one wins, the other says so, and nothing is mixed", async () => {
    const first = hello();
    await ok(["deploy"], { cwd: first });
    const folders = ["A", "B", "C", "D"].map((name) =>
      folderOf(home, {
        "kiln.yaml": yamlOf(app, `    config: { WHO: ${name} }\n`),
        "index.js": `exports.handler = () => "${name}" + process.env.WHO`,
      }),
    );
    const ended = await Promise.all(folders.map((cwd) => pk(["deploy"], { cwd, env })));
    assert.ok(ended.some(({ code }) => code === 0));
    for (const { code, stderr } of ended) {
      if (code === 0) continue;
      assert.equal(code, 1, stderr);
      assert.match(stderr, /Somebody else changed function hello during this deploy/);
      assert.match(stderr, /E_CONFLICT/);
    }
    assert.match(await ok(["invoke", `${app}/hello`]), /^"?([A-D])\1"?$/);
  });

  test("func.yaml of both versions is read, with its app.yaml and triggers", async () => {
    const fdk =
      'const net = require("node:http"); net.createServer((q, r) => { r.setHeader("content-type", "text/plain"); r.end("fn"); }).listen(process.env.FN_LISTENER.slice(5), () => 0);';
    for (const version of ["schema_version: 20180708\ntriggers:\n  - { name: go, type: http, source: /go }\n", ""]) {
      const cwd = folderOf(home, {
        "func.yaml": `name: old\nversion: 0.0.1\nruntime: node\nentrypoint: node func.js\nmemory: 256\ntimeout: 5\nmemmory: 1\n${version}`,
        "app.yaml": `name: ${app}\nconfig: { LAYER: app }\n`,
        "func.js": fdk,
      });
      await ends(0, /memmory is no key of func.yaml and is ignored; did you mean memory\?/, ["deploy"], { cwd });
    }
    const fn = JSON.parse(await ok(["fn", "inspect", `${app}/old`, "--json"])) as Record<string, unknown>;
    assert.deepEqual([fn["protocol"], fn["memoryMiB"], fn["timeoutMs"]], ["http-stream", 256, 5000]);
    // The version before has a path where it has no triggers.
    assert.equal(await ok(["route", "list", app, "-o", "name"]), "go\nold\n");
  });

  test("invoke: text, @file, stdin; --async; what a function's failure ends with", async () => {
    const cwd = folderOf(home, {
      "kiln.yaml": `${yamlOf(app)}  bad:\n    kind: nodejs:24\n    handler: bad.handler\n  slow:\n    kind: nodejs:24\n    handler: slow.handler\n    timeoutMs: 300\n`,
      "index.js": greeter,
      "bad.js": 'exports.handler = () => { throw new Error("broken"); };',
      "slow.js": "exports.handler = () => new Promise((done) => setTimeout(done, 60_000));",
      "event.json": '{"name":"file"}',
    });
    await ok(["deploy"], { cwd });
    assert.equal(await ok(["invoke", "hello", "-d", '{"name":"you"}'], { cwd }), '{"message":"Hello you"}');
    assert.equal(await ok(["invoke", `${app}/hello`, "-d", `@${cwd}/event.json`]), '{"message":"Hello file"}');
    assert.equal(await ok(["invoke", "hello", "-d", "-"], { cwd, stdin: '{"name":"stdin"}' }), '{"message":"Hello stdin"}');
    const answer = JSON.parse(await ok(["invoke", "hello", "--json"], { cwd })) as {
      body: object;
      activationId: string;
      status: number;
    };
    assert.deepEqual([answer.status, answer.body], [200, { message: "Hello world" }]);
    const id = (await ok(["invoke", "hello", "--async", "-d", '{"name":"later"}'], { cwd })).trim();
    assert.match(id, /^[0-9A-Z]{26}$/);
    let result = await pk(["activation", "result", id], { cwd, env });
    while (result.code !== 0 && /is (?:queued|running)/.test(result.stderr))
      result = await pk(["activation", "result", id], { cwd, env });
    assert.equal(result.stdout, '{"message":"Hello later"}', result.stderr);
    await ends(1, /broken[\s\S]*activation logs/, ["invoke", "bad"], { cwd });
    await ends(5, /E_TIMEOUT/, ["invoke", "slow"], { cwd });
    await ends(2, /exclude/, ["invoke", "hello", "--async", "--wait"], { cwd });
    assert.match(await ok(["activation", "list", `${app}/bad`]), /function_error/);
  });

  test("logs: of a function, by text, and live until it is interrupted", async () => {
    const cwd = hello();
    await ok(["deploy"], { cwd });
    await ok(["invoke", "-d", '{"name":"one"}'], { cwd });
    const stop = new AbortController();
    const heard = Promise.withResolvers<void>();
    const following = { cwd, env, signal: stop.signal, heard: () => heard.resolve() };
    const followed = pk(["logs", "-f", "--json", "hello", "--since", "1m"], following);
    for (let text = ""; !text.includes("hi two"); ) {
      await ok(["invoke", "-d", '{"name":"two"}'], { cwd });
      text = await ok(["logs", "hello", "--search", "two"], { cwd });
    }
    assert.match(await ok(["logs", "hello"], { cwd }), /hello \w{6} hi one\n[\s\S]*hi two/);
    await Promise.race([heard.promise, followed]);
    stop.abort();
    const { code, stdout } = await followed;
    assert.equal(code, 0);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: string; function: string });
    assert.ok(lines.length > 0 && lines.every((line) => line.function === "hello"), stdout);
  });

  test("apps, functions, routes: made, listed, changed, deleted", async () => {
    await ok(["app", "create", app, "--config", "A=1", "B=2"]);
    await ok(["app", "update", app, "--config", "C=3", "--unset", "A"]);
    assert.deepEqual((JSON.parse(await ok(["app", "inspect", app, "--json"])) as { config: object }).config, { B: "2", C: "3" });
    assert.match(await ok(["app", "list", "-o", "name"]), new RegExp(`^${app}$`, "m"));
    const cwd = folderOf(home, { "f.mjs": 'export const handler = () => "made";' });
    await ok(["fn", "create", `${app}/f`, "--kind", "nodejs", "--code", "f.mjs", "--memory", "64"], { cwd });
    await ok(["fn", "update", `${app}/f`, "--timeout", "2s", "--config", "X=y"], { cwd });
    const fn = JSON.parse(await ok(["fn", "inspect", `${app}/f`, "--json"])) as Record<string, unknown>;
    assert.deepEqual([fn["memoryMiB"], fn["timeoutMs"], fn["config"]], [64, 2000, { X: "y" }]);
    const updated = JSON.parse(await ok(["fn", "update", `${app}/f`, "--memory", "32", "--json"])) as { revision: number };
    assert.equal(updated.revision, 3);
    await ok(["fn", "rollback", `${app}/f`, "2"]);
    assert.match(await ok(["fn", "revisions", `${app}/f`]), /^3 {2,}\w{12}.*\n2 +100 % +\w{12}/m);
    assert.equal(await ok(["invoke", `${app}/f`, "--revision", "3"]), "made");
    await ok(["fn", "traffic", `${app}/f`, "2=1", "3=3"]);
    assert.match(await ok(["fn", "revisions", `${app}/f`]), /^3 +75 %[^]*^2 +25 %/m);
    await ok(["fn", "traffic", `${app}/f`]);
    await ok(["fn", "update", `${app}/f`, "--memory", "64"]);
    await ok(["route", "create", `${app}/r`, "--function", "f", "--path", "/f"]);
    assert.match(await ok(["route", "list", app]), new RegExp(`r +f +${platform.url}/t/${app}/f`));
    assert.match(await ok(["fn", "list", app]), new RegExp(`${app}/f +nodejs:24 +64 MiB +2 s`));
    await ends(2, /add --yes/, ["app", "delete", app]);
    await ok(["app", "delete", app, "--yes"]);
    await ends(3, /E_NOT_FOUND/, ["app", "inspect", app]);
    assert.match(await ok(["kind", "list", "-o", "name"]), /^nodejs:24$/m);
    assert.match(await ok(["namespace", "list"]), /guest/);
    assert.deepEqual(JSON.parse(await ok(["dead-letter", "list", "--json"])), []);
    assert.match(await ok(["version", "--server"]), /^polykiln \S+, server \S+\n$/);
  });

  test("the address and key come from flags, contexts and the environment; no server is 5, a wrong key is 4", async () => {
    const config = { XDG_CONFIG_HOME: join(home, "config") };
    mkdirSync(join(home, "config/polykiln"), { recursive: true });
    writeFileSync(
      join(home, "config/polykiln/contexts.json"),
      JSON.stringify({ contexts: { here: { url: platform.url, auth: platform.auth } } }),
    );
    const bare = { HOME: home, ...config };
    await ok(["app", "list", "--context", "here"], { env: bare });
    await ok(["app", "list"], { env: { ...bare, POLYKILN_CONTEXT: "here" } });
    await ok(["app", "list", "--api-url", platform.url], { env: bare });
    await ends(2, /did you mean here\?/, ["app", "list", "--context", "her"], { env: bare });
    await ends(4, /E_UNAUTHENTICATED/, ["app", "list", "--auth", "a:b"]);
    await ends(5, /E_UNREACHABLE/, ["app", "list", "--api-url", "http://127.0.0.1:1"], { env: bare });
  });

  test("completion offers commands, verbs, flags, and names from the server", async () => {
    const cwd = hello();
    await ok(["deploy"], { cwd });
    const words = async (...typed: string[]) => (await ok(["__complete", "--", ...typed])).trimEnd().split("\n");
    // A shell waits for a server less than a second, and then offers nothing.
    const offered = async (wanted: readonly string[], ...typed: string[]) => {
      const giveUpAt = performance.now() + 30_000;
      let found = await words(...typed);
      while (found.join() === "" && performance.now() < giveUpAt) found = await words(...typed);
      assert.deepEqual(found, wanted);
    };
    assert.deepEqual(await words("de"), ["dead-letter", "deploy", "dev"].toSorted());
    assert.deepEqual(await words("app", "in"), ["inspect"]);
    await offered([`${app}/hello`], "invoke", `${app}/`);
    await offered([app], "app", "inspect", app);
    assert.ok((await words("deploy", "--d")).includes("--dry-run"));
    assert.deepEqual(await words("app", "list", "-o", "j"), ["json"]);
    for (const shell of ["bash", "zsh", "fish"]) assert.match(await ok(["completion", shell]), /__complete/);
  });

  test("doctor looks at the machine and the server", async () => {
    const { code, stdout } = await pk(["doctor", "--json"], { cwd: home, env: { ...env, POLYKILN_DATA: join(home, "doctor") } });
    const { checks, usable } = JSON.parse(stdout) as { usable: boolean; checks: { name: string; state: string; fix?: string }[] };
    assert.equal(code, checks.some(({ state }) => state === "failed") ? 1 : 0);
    assert.equal(typeof usable, "boolean");
    for (const name of ["node", "kernel", "disk", "clock", "server", "key"])
      assert.ok(
        checks.some((check) => check.name === name),
        name,
      );
    for (const check of checks) assert.ok(check.state === "ok" || check.fix !== undefined, JSON.stringify(check));
  });

  test("init writes each template, which deploys and answers; it overwrites nothing", async () => {
    for (const runtime of ["node", "python", "http"]) {
      const folder = join(home, `${app}-${runtime}`);
      await ok(["init", folder, "--runtime", runtime]);
      await ok(["deploy", folder]);
      assert.match(await ok(["invoke", "-d", '{"name":"you"}'], { cwd: folder }), /Hello (?:you|world)/, runtime);
    }
    await ok(["init", `${app}-go`, "--runtime", "go", "--name", "gopher"]);
    assert.match(readFileSync(join(home, `${app}-go/go.mod`), "utf8"), /^module gopher$/m);
    await ends(2, /index\.mjs.* are there already; nothing was written/, ["init", `${app}-node`, "--yes"]);
    await ends(2, /did you mean --runtime python\?/, ["init", "x", "--runtime", "pyton"]);
    assert.equal(existsSync(join(home, "x")), false);
  });

  test("messages for what goes wrong are as written down", async () => {
    const said: string[] = [];
    for (const [name, args, files] of mistakes) {
      const cwd = folderOf(home, files);
      const { code, stdout, stderr } = await pk(args, { cwd, env });
      assert.equal(stdout, "", name);
      const text = stderr
        .replaceAll(cwd, "FOLDER")
        .replaceAll(platform.url, "SERVER")
        .replace(/request \w+/, "request ID");
      said.push(`## ${name}\n$ polykiln ${args.join(" ")}\n${text}exit ${code}\n`);
    }
    const golden = join(project, "test/fixtures/cli/mistakes.txt");
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, said.join("\n"));
    assert.equal(said.join("\n"), readFileSync(golden, "utf8"));
  });

  test("every command and verb has help with a sentence and its flags", async () => {
    for (const name of commandNames) {
      const help = await ok([name, "--help"]);
      assert.match(help, /Usage: polykiln \S+/);
      const verbs = [...(help.split("\nCommands:")[1]?.matchAll(/^ {2}([a-z]+)/gm) ?? [])].map(([, verb]) => verb as string);
      for (const verb of verbs.filter((word) => word !== "help"))
        assert.match(await ok([name, verb, "--help"]), /\n\n[A-Z].*\.\n/, `${name} ${verb}`);
    }
    assert.match(await ok(["--help"]), /Deploy and call functions/);
  });
});

/** Name, arguments, files of the folder. */
const mistakes: readonly (readonly [name: string, args: readonly string[], files: Readonly<Record<string, string>>])[] = [
  ["an unknown key", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    memory: 128\n" }],
  ["a key with a typo", ["deploy"], { "kiln.yaml": "functons:\n  hello:\n    kind: nodejs:24\n" }],
  ["broken YAML", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n   - a: [1\n  b: 2\n" }],
  ["a value out of its bounds", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    memoryMiB: 0\n" }],
  ["a value of a wrong kind", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    timeoutMs: soon\n" }],
  [
    "a word that is none of the choices",
    ["deploy"],
    { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    isolation: freash\n" },
  ],
  ["no kind", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    memoryMiB: 128\n" }],
  ["an unknown kind", ["deploy"], { "kiln.yaml": "app: none\nfunctions:\n  hello:\n    kind: nodejs:23\n", "index.js": "x" }],
  ["a route to nowhere", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\nroutes:\n  /: helo\n" }],
  [
    "a variable that is not set",
    ["deploy"],
    { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    config:\n      KEY: ${env:SECRET_KEY}\n" },
  ],
  [
    "a reference that is none",
    ["deploy"],
    { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    config:\n      KEY: ${vault:x}\n" },
  ],
  ["a folder that is not there", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    folder: src\n" }],
  ["nothing to pack", ["deploy"], { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n" }],
  [
    "a build that fails",
    ["deploy"],
    { "kiln.yaml": "functions:\n  hello:\n    kind: nodejs:24\n    build: echo about to fail; exit 3\n" },
  ],
  ["no project", ["deploy", "sub"], { "sub/readme": "" }],
  ["a runtime of Fn that is not here", ["deploy"], { "func.yaml": "schema_version: 20180708\nname: f\nruntime: pyhton\n" }],
  ["an unknown command", ["dpeloy"], {}],
  ["an unknown verb", ["app", "lsit"], {}],
  ["an unknown flag", ["app", "list", "--jsn"], {}],
  ["a missing argument", ["app", "inspect"], {}],
  ["a function that is not there", ["invoke", "nobody/nothing"], {}],
  ["a duration that is none", ["logs", "--since", "yesterday"], {}],
  ["a file that is not there", ["invoke", "_/x", "-d", "@nothing.json"], {}],
  ["which function", ["invoke"], { "kiln.yaml": "functions:\n  a: { kind: nodejs:24 }\n  b: { kind: nodejs:24 }\n" }],
  ["as JSON", ["deploy", "--json"], { "kiln.yaml": "functions:\n  hello:\n    knd: nodejs:24\n" }],
];

test("the schema for editors is the one that the client checks with", () => {
  assert.deepEqual(
    JSON.parse(readFileSync(join(project, "schemas/kiln.schema.json"), "utf8")),
    JSON.parse(JSON.stringify(editorSchema())),
  );
});

test("kiln.yaml can say every setting that the API knows", async () => {
  const { functionBody } = await import("../../src/api/kiln/schemas.ts");
  // Code and its parts are the folder's business; traffic is moved by itself, not by a file.
  const elsewhere = new Set(["code", "fileName", "codeDigest", "traffic"]);
  const missing = Object.keys(functionBody.properties).filter((name) => !elsewhere.has(name) && !functionKeys().includes(name));
  assert.deepEqual(missing, []);
});

test("templates hold no name of their own", () => {
  const names = globSync("templates/*/kiln.yaml", { cwd: project }).map((file) => readFileSync(join(project, file), "utf8"));
  assert.equal(names.length, 4);
  for (const text of names) assert.match(text, /app: "\{\{name\}\}"/);
});
