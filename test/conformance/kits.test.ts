/**
 * Both kits, from outside and by one table: in sandboxes of a real server, and in process, where functions are tested. Then what their
 * packages hold, and that what their READMEs show works.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { invoke } from "../../fdk/node/testing.js";
import { call, linesOf, put, recordOf } from "../client.ts";
import { functionSource, python } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { type KitCase, kitCases } from "./kit-cases.ts";
import { type KitPackages, packKits } from "./kit-packages.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const config = { GREETING: "hello" };

let platform: Platform;
let packages: KitPackages;

/** What a call came to, wherever it ran. */
interface Outcome {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly result: unknown;
  readonly logs: readonly string[];
  readonly error: { readonly type: string; readonly message: string } | null;
}

const languages = ["node", "python"] as const;
type Language = (typeof languages)[number];

describe("kits", { concurrency: 4, timeout: 300_000 }, () => {
  before(async () => {
    packages = packKits();
    platform = await startPlatform();
    for (const language of languages) await deploy(language);
  });
  after(async () => {
    packages.remove();
    assert.equal(await platform.stop(), 0, platform.log());
  });

  for (const given of kitCases) {
    for (const language of languages) {
      test(`${language}, on the platform: ${given.name}`, async () => check(given, await onPlatform(language, given)));
      test(`${language}, in process: ${given.name}`, async () => check(given, await inProcess[language](given)));
    }
  }

  for (const language of languages) test(`${language}: log lines as JSON`, () => checkJsonLines(language));

  test("what the packages hold", () => {
    const kit = packages.nodeFiles.filter((file) => !file.startsWith("runtime/"));
    assert.deepEqual(kit, ["LICENSE", "README.md", "index.d.ts", "index.js", "package.json", "testing.d.ts", "testing.js"]);
    assert.ok(packages.nodeFiles.every((file) => !file.startsWith("runtime/") || /^runtime\/[a-z-]+\.cjs$/.test(file)));
    const ours = packages.pythonFiles.filter((file) => file.startsWith("polykiln_fdk/") && !file.includes("/kiln_runtime/"));
    const names = ["__init__.py", "errors.py", "handlers.py", "py.typed", "testing.py", "types.py"];
    assert.deepEqual(
      ours,
      names.map((name) => `polykiln_fdk/${name}`),
    );
    assert.deepEqual(
      packages.pythonFiles.filter((file) => !/^polykiln_fdk\/|\.dist-info\//.test(file)),
      [],
    );
  });

  test("node: what the README shows works with the package", () => checkNodeReadme());
  test("python: what the README shows works with the package", () => checkPythonReadme());
  test("what the reference shows works, without a kit", () => checkReference());
  test("the READMEs have the same chapters", () => {
    assert.deepEqual(chapters("node"), chapters("python"));
  });
});

function check(given: KitCase, { status, headers, result, logs, error }: Outcome): void {
  const log = logs.join("\n");
  if (given.failure === undefined) {
    assert.equal(error, null, JSON.stringify(error));
    assert.deepEqual([status, result], [given.status ?? 200, given.result], log);
    for (const [name, value] of Object.entries(given.answerHeaders ?? {})) assert.equal(headers[name], value);
  } else {
    assert.match(error?.message ?? `${status}`, given.failure.message);
    assert.equal(error?.type === "timeout", given.failure.code === "timeout", error?.type);
  }
  if (given.logs !== undefined) assert.deepEqual(logs, given.logs);
  if (given.logsBegin !== undefined) assert.deepEqual(logs.slice(0, given.logsBegin.length), given.logsBegin);
  if (given.logsHold !== undefined) assert.match(log, given.logsHold);
}

const kinds = {
  node: { kind: "nodejs:24", source: "kit-node", parts: () => ({ folder: packages.node, entries: ["node_modules"] }) },
  python: { kind: "python:3.11", source: "kit-python", parts: () => ({ folder: packages.python }) },
};

async function deploy(language: Language): Promise<void> {
  const { kind, source, parts } = kinds[language];
  const archive = await pack({ folder: functionSource(source) }, parts());
  const app = appOf(language);
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps/${app}`;
  await platform.deploy({ name: "acts", app, archive, settings: { kind, config, timeoutMs: 10_000 } });
  await platform.deploy({ name: "hurried", app, archive, settings: { kind, config, timeoutMs: 1_000 } });
  const json = { ...config, LOG_FORMAT: "json", LOG_LEVEL: "debug" };
  await platform.deploy({ name: "json", app, archive, settings: { kind, config: json, timeoutMs: 10_000 } });
  await put(`${base}/routes/a`, { function: "acts", source: "/a" });
}

const appOf = (language: Language) => `kits-${language}`;

/** The code hears of its deadline 100 ms ahead; on a machine that is busy elsewhere they can pass before it runs at all. */
const triesOf = ({ hurried, failure }: KitCase) => (hurried && failure === undefined ? 4 : 1);

async function onPlatform(language: Language, given: KitCase): Promise<Outcome> {
  const { event, headers, target, hurried, failure } = given;
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps/${appOf(language)}/functions`;
  const url =
    target === undefined ? `${base}/${hurried ? "hurried" : "acts"}/invoke` : `${platform.url}/t/${appOf(language)}${target}`;
  let answer = await call(url, event, headers);
  for (let tries = 1; answer.status === 504 && tries < triesOf(given); tries++) answer = await call(url, event, headers);
  const lines = await linesOf(platform.url, answer.activationId, given.logs?.length ?? (given.logsHold === undefined ? 0 : 2));
  const type = answer.headers.get("content-type") ?? "";
  const seen = {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    logs: lines,
    result: valueOf(type, answer.text),
  };
  if (failure === undefined) return { ...seen, error: null };
  const { error } = await recordOf(platform.url, answer.activationId);
  assert.equal(error?.code, failure.code);
  return { ...seen, error: { type: failure.code, message: error?.message ?? "" } };
}

function valueOf(type: string, text: string): unknown {
  if (type.startsWith("application/json")) return JSON.parse(text);
  return text === "" ? undefined : text;
}

function optionsOf({ headers, target, hurried }: KitCase) {
  return {
    functionName: "acts",
    appName: "kits",
    config,
    headers: headers ?? {},
    deadlineMs: hurried ? 1_000 : 10_000,
    http: target === undefined ? null : { method: "POST", url: `http://host/t/kits${target}`, target },
  };
}

const inProcess = {
  async node(given: KitCase): Promise<Outcome> {
    const { handler } = (await import(join(functionSource("kit-node"), "index.js"))) as { handler: () => unknown };
    const { result, logs, ...rest } = await invoke<unknown, unknown>(handler, given.event, optionsOf(given));
    return { ...rest, result: textOf(result), logs: logs.map(({ stream, text }) => `${stream} ${text}`) };
  },
  async python(given: KitCase): Promise<Outcome> {
    const outcome = (await (pythonOutcomes ??= runPythonCases()))[kitCases.indexOf(given)] as Outcome;
    return { ...outcome, result: outcome.result ?? undefined };
  },
};

/** All in one process, as starting one takes longer than what it does. */
let pythonOutcomes: Promise<Outcome[]> | undefined;

async function runPythonCases(): Promise<Outcome[]> {
  const cases = kitCases.map((given) => {
    const { deadlineMs, functionName, appName, ...options } = optionsOf(given);
    const named = { ...options, function_name: functionName, app_name: appName, deadline_ms: deadlineMs };
    return [given.event, named, triesOf(given)];
  });
  return JSON.parse(await runPython(["-c", pythonDriver, JSON.stringify(cases)])) as Outcome[];
}

/** Answers without a type of their own are compared as text. */
const textOf = (result: unknown) => (Buffer.isBuffer(result) ? result.toString() : result);

const pythonDriver = `
import dataclasses, json, sys
from handler import handler
from polykiln_fdk.testing import invoke

def outcome(event, options, tries):
    for _ in range(tries):
        seen = dataclasses.asdict(invoke(handler, event, **options))
        if seen["error"] is None or seen["error"]["type"] != "timeout":
            break
    body = seen.pop("body")
    if isinstance(seen["result"], bytes):
        seen["result"] = body.decode()
    seen["logs"] = [f"{line['stream']} {line['text']}" for line in seen["logs"]]
    return seen

print(json.dumps([outcome(*case) for case in json.loads(sys.argv[1])]))
`;

async function runPython(args: readonly string[], cwd = functionSource("kit-python")): Promise<string> {
  const env = { PATH: process.env["PATH"], PYTHONPATH: `${cwd}:${packages.python}`, PYTHONDONTWRITEBYTECODE: "1" };
  return (await run(python, args, { cwd, env, timeout: 60_000 })).stdout;
}

async function checkJsonLines(language: Language): Promise<void> {
  const url = `${platform.url}/kiln/v1/namespaces/guest/apps/${appOf(language)}/functions/json/invoke`;
  const { activationId } = await call(url, { act: "log" });
  const lines = (await linesOf(platform.url, activationId, 4)).filter((line) => line.includes("{"));
  const [debug, info] = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))) as Record<string, unknown>);
  assert.deepEqual([debug?.["level"], debug?.["message"]], ["debug", "hidden"]);
  assert.deepEqual([info?.["level"], info?.["item"], info?.["list"]], ["info", "green tea", [1, { a: null }]]);
  assert.ok(Math.abs(Date.parse(String(info?.["time"])) - Date.now()) < 60_000);
  assert.equal(String(info?.["callId"]), activationId);
}

const readmeOf = (kit: string) => join(root, "fdk", kit, "README.md");

const chapters = (kit: string) => [...readFileSync(readmeOf(kit), "utf8").matchAll(/^## .*/gm)].map(String);

/** Writes the snippets that name their file in their first line; gives the names. */
function laySnippets(page: string, folder: string): string[] {
  const snippets = [...readFileSync(page, "utf8").matchAll(/```\w+\n(?:\/\/|#) (\S+\.\w+)\n([^]*?)```/g)];
  for (const [, name = "", text = ""] of snippets) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return snippets.map(([, name = ""]) => name);
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const checkNodeReadme = () =>
  inFolder(async (folder) => {
    assert.deepEqual(laySnippets(readmeOf("node"), folder), ["index.js", "greet.ts", "gzip.js", "patient.js", "index.test.js"]);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    symlinkSync(join(packages.node, "node_modules"), join(folder, "node_modules"));
    const env = { PATH: process.env["PATH"] };
    const { stdout } = await run(process.execPath, ["--test", "index.test.js"], { cwd: folder, env, timeout: 60_000 });
    assert.match(stdout, /pass 4\n/);
    const types = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", ...types, "greet.ts"];
    await run(join(root, "node_modules/.bin/tsc"), options, { cwd: folder, timeout: 120_000 });
  });

const checkPythonReadme = () =>
  inFolder(async (folder) => {
    assert.deepEqual(laySnippets(readmeOf("python"), folder), [
      "handler.py",
      "greet.py",
      "compress.py",
      "patient.py",
      "test_handler.py",
    ]);
    await runPython(
      ["-c", "import greet; from polykiln_fdk.testing import invoke; assert invoke(greet.handler, {}).status == 200"],
      folder,
    );
    await runPython(["-m", "unittest", "test_handler"], folder);
  });

const checkReference = () =>
  inFolder(async (folder) => {
    assert.deepEqual(laySnippets(join(root, "docs/reference/functions.md"), folder), ["index.js", "handler.py"]);
    const base = `${platform.url}/kiln/v1/namespaces/guest/apps/reference/functions`;
    for (const [name, file, kind] of [
      ["js", "index.js", "nodejs:24"],
      ["py", "handler.py", "python:3.11"],
    ] as const) {
      await platform.deploy({ name, app: "reference", file: [file, readFileSync(join(folder, file))], settings: { kind } });
      const answer = await call(`${base}/${name}/invoke`, { name: "Ada" });
      assert.deepEqual([answer.status, answer.json], [200, { message: "Hello Ada", from: name }]);
      assert.deepEqual(await linesOf(platform.url, answer.activationId, 1), ["stdout INFO greeting name=Ada"]);
      const missing = await call(`${base}/${name}/invoke`, { name: "nobody" });
      assert.deepEqual([missing.status, missing.json], [404, { message: "There is nobody" }]);
    }
  });
