/** Kinds of actions: what each runs, by which names, and what a manifest of runtimes makes of that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { makeTar, makeZip } from "../archives.ts";
import { type ImageRegistry, startImageRegistry } from "../image-registry.ts";
import { baseLayer, ImageShelf, nodeAndShell, noWay } from "../image-ways.ts";
import { functionSource, goBuild, javaBuild, javaMissing, mavenKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { invoke, linesOf, putAction, whisk } from "../whisk.ts";

const noJava = await javaMissing();

/** The first call of a kind waits for what it runs on, which may take longer than a call waits for its sandbox, or somebody for a call. */
async function whenPrepared(platform: Platform, action: string): Promise<void> {
  for (;;) {
    const { status } = await invoke(platform, action);
    if (status !== 202 && status !== 503) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Classes below a folder, as `makeZip` takes them. */
async function classesIn(folder: string) {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".class"));
  return names.map((name) => ({ name, data: readFileSync(join(folder, name)) }));
}

const base64 = (bytes: Buffer) => bytes.toString("base64");

/** The same function in some language: it gives what it got, prints a line on each stream, and fails as it is told. */
interface Language {
  readonly kind: string;
  /** Another name of it. */
  readonly older: string;
  readonly code: string;
  /** Code that cannot be loaded. */
  readonly broken: string;
}

const script = `function main(p) {
  console.log("out");
  console.error("err");
  if (p.throws) throw new Error("thrown");
  if (p.fails) return { error: "told" };
  if (p.list) return [p.list];
  return { p, action: process.env.__OW_ACTION_NAME, id: process.env.__OW_ACTIVATION_ID };
}`;

const languages: readonly Language[] = [
  {
    kind: "deno:2",
    older: "deno",
    code: `import process from "node:process";\nexport ${script}`,
    broken: "export function main( {",
  },
  { kind: "bun:1", older: "bun:default", code: script.replace("main(p)", "main(p: any): any"), broken: "function main( {" },
  {
    kind: "ruby:3.1",
    older: "ruby:2.5",
    code: `def main(p)
  puts "out"
  warn "err"
  raise "thrown" if p.is_a?(Hash) && p["throws"]
  return { error: "told" } if p["fails"]
  return [p["list"]] if p["list"]
  { p: p, action: ENV["__OW_ACTION_NAME"], id: ENV["__OW_ACTIVATION_ID"] }
end`,
    broken: "def main(",
  },
  {
    kind: "php:8.2",
    older: "php:7.4",
    code: `<?php
function main(array $p): array {
  echo "out\\n";
  fwrite(STDERR, "err\\n");
  if ($p["throws"] ?? false) throw new Exception("thrown");
  if ($p["fails"] ?? false) return ["error" => "told"];
  if ($p["list"] ?? false) return [$p["list"]];
  return ["p" => $p, "action" => getenv("__OW_ACTION_NAME"), "id" => getenv("__OW_ACTIVATION_ID")];
}`,
    broken: "<?php function main( {",
  },
];

let platform: Platform;

describe("kinds of actions", { timeout: 600_000 }, () => {
  before(async () => {
    // Deno's and Bun's interpreters are large, and machines slow.
    platform = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "60000" } });
  });

  after(() => platform?.stop());

  for (const { kind, older, code, broken } of languages) {
    const action = kind.replace(/\W/g, "-");

    test(`${kind}: parameters, results, output and errors`, async () => {
      const parameters = [
        { key: "a", value: 1 },
        { key: "b", value: "ü" },
      ];
      await putAction(platform, action, { exec: { kind: older, code }, parameters });
      await whenPrepared(platform, action);
      const { body } = await invoke(platform, action, { a: [true, null] });
      const { activationId: id } = body;
      assert.deepEqual(body.response.result, { p: { a: [true, null], b: "ü" }, action: `/guest/${action}`, id });
      assert.equal(body.annotations.find(({ key }) => key === "kind")?.value, kind);
      assert.deepEqual((await linesOf(platform, id, 2)).toSorted(), ["stderr: err", "stdout: out"]);
      assert.deepEqual((await invoke(platform, action, { list: 1 })).body, [1]);
      const failed = await invoke(platform, action, { fails: true });
      assert.deepEqual([failed.status, failed.body.response.status], [502, "application error"]);
      assert.deepEqual(failed.body.response.result, { error: "told" });
      const thrown = await invoke(platform, action, { throws: true });
      assert.equal(thrown.body.response.status, "action developer error");
      assert.match((thrown.body.response.result as { error: string }).error, /^An error has occurred: (Error: )?thrown$/);
    });

    test(`${kind}: large results, and what is none`, async () => {
      const large = { text: "x".repeat(900_000) };
      const { body } = await invoke(platform, action, large);
      assert.deepEqual((body.response.result as { p: object }).p, { a: 1, b: "ü", ...large });
      await putAction(platform, `${action}-broken`, { exec: { kind, code: broken } });
      const failed = await invoke(platform, `${action}-broken`);
      assert.equal(failed.body.response.status, "action developer error");
      assert.match((failed.body.response.result as { error: string }).error, /^Initialization has failed due to: /);
    });
  }

  test("java:17: a jar with main(JsonObject), and another method by its name", { skip: noJava ?? false }, async () => {
    const kit = await mavenKit("com.google.code.gson:gson:2.10.1");
    const code = base64(makeZip(await classesIn(await javaBuild(functionSource("java-action"), kit))));
    const refused = await whisk<{ error: string }>(platform, "PUT", "actions/java", { exec: { kind: "java:default", code } });
    assert.match(refused.body.error, /'main' must be a string defined in 'exec' for 'java:17' actions/);
    const parameters = [{ key: "b", value: 2 }];
    await putAction(platform, "java", { exec: { kind: "java:8", code, main: "example.Hello" }, parameters });
    await whenPrepared(platform, "java");
    const { body } = await invoke(platform, "java", { a: "ü" });
    const { activationId: id } = body;
    assert.deepEqual(body.response.result, { p: { b: 2, a: "ü" }, action: "/guest/java", id });
    assert.deepEqual((await linesOf(platform, id, 2)).toSorted(), ["stderr: err", "stdout: out"]);
    // One right after the other, and each has its own lines.
    const ids: string[] = [];
    for (let calls = 0; calls < 5; calls++) ids.push((await invoke(platform, "java")).body.activationId);
    for (const each of ids) assert.deepEqual((await linesOf(platform, each, 2)).toSorted(), ["stderr: err", "stdout: out"]);
    const failed = await invoke(platform, "java", { fails: true });
    assert.deepEqual([failed.body.response.status, failed.body.response.result], ["application error", { error: "told" }]);
    const thrown = await invoke(platform, "java", { throws: true });
    assert.deepEqual(thrown.body.response.result, { error: "An error has occurred: thrown" });
    const large = { a: "x".repeat(900_000) };
    assert.deepEqual(((await invoke(platform, "java", large)).body.response.result as { p: object }).p, { b: 2, ...large });
    await putAction(platform, "java", { exec: { kind: "java:17", code, main: "example.Hello#other" } });
    assert.deepEqual((await invoke(platform, "java", { a: 1 })).body.response.result, { other: { b: 2, a: 1 } });
    await putAction(platform, "java", { exec: { kind: "java:17", code, main: "example.Nobody" } });
    const missing = await invoke(platform, "java");
    assert.match((missing.body.response.result as { error: string }).error, /ClassNotFoundException: example\.Nobody/);
  });

  test("go:1: a program that takes calls as lines, alone and in an archive", async () => {
    const bytes = readFileSync(await goBuild(functionSource("action-loop-go")));
    for (const code of [bytes, makeZip([{ name: "exec", data: bytes }])]) {
      const parameters = [{ key: "b", value: 2 }];
      await putAction(platform, "go", { exec: { kind: "go:1.20", code: base64(code) }, parameters });
      const { body } = await invoke(platform, "go", { a: 1 });
      const { activationId: id } = body;
      assert.deepEqual(body.response.result, { value: { b: 2, a: 1 }, action_name: "/guest/go", activation_id: id, calls: 1 });
      assert.deepEqual((await linesOf(platform, id, 2)).toSorted(), ["stderr: err", "stdout: out"]);
      assert.equal(((await invoke(platform, "go")).body.response.result as { calls: number }).calls, 2);
      const failed = await invoke(platform, "go", { fails: true });
      assert.deepEqual([failed.body.response.status, failed.body.response.result], ["application error", { error: "told" }]);
      const ended = await invoke(platform, "go", { exits: true });
      assert.equal(ended.body.response.status, "action developer error");
      assert.equal(((await invoke(platform, "go")).body.response.result as { calls: number }).calls, 1);
    }
    const none = makeZip([{ name: "readme", data: "no program" }]);
    await putAction(platform, "go", { exec: { kind: "go:default", code: base64(none) } });
    const refused = await invoke(platform, "go");
    assert.match((refused.body.response.result as { error: string }).error, /The code has no program/);
  });

  test("native:1: a program that is run for each call", async () => {
    const code = '#!/bin/sh\necho out\necho err >&2\necho "{\\"got\\": $1, \\"name\\": \\"$__OW_ACTION_NAME\\"}"\n';
    for (const sent of [code, base64(Buffer.from(code)), base64(makeZip([{ name: "exec", data: code, mode: 0o100755 }]))]) {
      await putAction(platform, "native", { exec: { kind: "native:1", code: sent } });
      const { body } = await invoke(platform, "native", { a: 1 });
      assert.deepEqual(body.response.result, { got: { a: 1 }, name: "/guest/native" });
      assert.deepEqual((await linesOf(platform, body.activationId, 2)).toSorted(), ["stderr: err", "stdout: out"]);
    }
    await putAction(platform, "native", { exec: { kind: "native:1", code: "#!/bin/sh\necho no JSON\n" } });
    assert.equal((await invoke(platform, "native")).body.response.status, "action developer error");
  });

  test("archives: a zip with package.json, one with __main__.py and virtualenv/, a tar.gz", async () => {
    const node = makeZip([
      { name: "package.json", data: '{"main":"lib/start.js"}' },
      { name: "lib/start.js", data: 'exports.other = () => ({ from: require("./part") });' },
      { name: "lib/part.js", data: 'module.exports = "part";' },
    ]);
    const python = makeZip([
      { name: "__main__.py", data: "import part\ndef main(args):\n    return {'from': part.name}\n" },
      { name: "virtualenv/lib/python3.11/site-packages/part.py", data: "name = 'virtualenv'\n" },
    ]);
    const tar = gzipSync(makeTar([{ name: "index.js", data: 'exports.main = () => ({ from: "tar.gz" });' }]));
    const ruby = makeZip([
      { name: "main.rb", data: 'require "part"\ndef main(args) = { from: PART }\n' },
      { name: "part.rb", data: 'PART = "part"\n' },
    ]);
    const php = makeZip([
      { name: "index.php", data: '<?php\nrequire __DIR__ . "/part.php";\nfunction main($p) { return ["from" => PART]; }\n' },
      { name: "part.php", data: '<?php\nconst PART = "part";\n' },
    ]);
    for (const [kind, archive, from, main] of [
      ["nodejs:24", node, "part", "other"],
      ["python", python, "virtualenv"],
      ["nodejs:default", tar, "tar.gz"],
      ["ruby:default", ruby, "part"],
      ["php:default", php, "part"],
    ] as const) {
      const exec = { kind, code: base64(archive), ...(main === undefined ? {} : { main }) };
      await putAction(platform, "archive", { exec });
      assert.deepEqual((await invoke(platform, "archive")).body.response.result, { from }, kind);
    }
  });

  test("older names are those of kinds that there are, and GET / says which these are", async () => {
    for (const [name, kind] of [
      ["nodejs", "nodejs:24"],
      ["nodejs:default", "nodejs:24"],
      ["nodejs:6", "nodejs:20"],
      ["nodejs:18", "nodejs:20"],
      ["python", "python:3.11"],
      ["python:3", "python:3.11"],
      ["Python:3.10 ", "python:3.11"],
    ] as const) {
      await putAction(platform, "named", { exec: { kind: name, code: "x" } });
      const { body } = await whisk<{ exec: { kind: string } }>(platform, "GET", "actions/named");
      assert.equal(body.exec.kind, kind, name);
    }
    const refused = await whisk<{ error: string }>(platform, "PUT", "actions/x", { exec: { kind: "swift:5.7", code: "x" } });
    assert.equal(refused.status, 400);
    assert.match(refused.body.error, /The specified runtime 'swift:5.7' is not supported by this platform/);
    const info = (await (await fetch(platform.url)).json()) as { runtimes: Record<string, { kind: string; default: boolean }[]> };
    assert.deepEqual(
      Object.entries(info.runtimes).map(([family, kinds]) => [family, kinds.find((kind) => kind.default)?.kind]),
      [
        ["nodejs", "nodejs:24"],
        ["python", "python:3.11"],
        ["java", "java:17"],
        ...languages.map(({ kind }) => [kind.split(":")[0], kind]),
        ["go", "go:1"],
        ["rust", "rust:1"],
        ["native", "native:1"],
      ],
    );
  });
});

/** A kind of a manifest that is one of ours. */
const own = (kind: string, more: object = {}) => ({
  kind,
  default: false,
  image: { prefix: "openwhisk", name: "none" },
  ...more,
});

describe("a manifest of runtimes", { skip: noWay("unpacked"), timeout: 300_000 }, () => {
  let registry: ImageRegistry;
  let served: Platform;

  before(async () => {
    registry = await startImageRegistry();
    const shelf = new ImageShelf(registry, baseLayer(nodeAndShell));
    await shelf.node("proxy", readFileSync(join(import.meta.dirname, "../functions/action-proxy/proxy.cjs"), "utf8"));
    const stemCells = [
      { initialCount: 1, memory: "256 MB", reactive: { minCount: 1, maxCount: 2, ttl: "2 minutes", threshold: 1, increment: 1 } },
    ];
    const runtimes = {
      nodejs: [own("nodejs:22", { deprecated: true }), own("nodejs:24", { default: true, stemCells })],
      python: [own("python:3.10", { default: true, requireMain: true })],
      swift: [own("swift:5.7", { default: true, image: { registry: registry.host, name: "shelf", tag: "proxy" } })],
    };
    served = await startPlatform({ env: { POLYKILN_RUNTIMES: JSON.stringify({ runtimes, blackboxes: [] }) } });
  });

  after(async () => {
    await served?.stop();
    await registry?.stop();
  });

  test("a kind that is not ours is run by its image, and shown as what it is", async () => {
    const code = "function other(p) { return { p }; }";
    await putAction(served, "swift", { exec: { kind: "swift:default", code, main: "other" } });
    const { body } = await invoke(served, "swift", { a: 1 });
    assert.deepEqual(body.response.result, { p: { a: 1 } });
    assert.equal(body.annotations.find(({ key }) => key === "kind")?.value, "swift:5.7");
    const shown = await whisk<{ exec: object }>(served, "GET", "actions/swift");
    assert.deepEqual(shown.body.exec, { kind: "swift:5.7", code, main: "other", binary: false });
    const missing = await whisk<{ error: string }>(served, "PUT", "actions/none", { exec: { kind: "swift:5.7" } });
    assert.match(missing.body.error, /'code' must be a string or attachment object defined in 'exec' for 'swift:5.7' actions/);
  });

  const put = async (kind: string, more: object = {}) => {
    const { status, body } = await whisk<{ error?: string }>(served, "PUT", "actions/x?overwrite=true", {
      exec: { kind, code: "x", ...more },
    });
    return `${status} ${body.error?.split("\n").at(-1) ?? ""}`;
  };

  test("only what it names is offered; what is deprecated, or wants a main, is refused with the words for it", async () => {
    assert.equal(
      await put("ruby:3.1"),
      "400 The specified runtime 'ruby:3.1' is not supported by this platform. Valid values are: 'nodejs:22', 'nodejs:24', 'python:3.10', 'swift:5.7', 'sequence', 'blackbox'.",
    );
    assert.equal(
      await put("nodejs:22"),
      "400 The 'nodejs:22' runtime is no longer supported. You may read and delete but not update or invoke this action.",
    );
    assert.equal(await put("python:default"), "400 'main' must be a string defined in 'exec' for 'python:3.10' actions");
    assert.equal(await put("python:default", { main: "main" }), "200 ");
    assert.equal(await put("nodejs:default"), "200 ");
  });

  test("a function of a deprecated kind that another door made can be read and removed, and no more", async () => {
    await served.deploy({
      name: "old",
      app: "_",
      file: ["index.js", "exports.handler = () => 1;"],
      settings: { kind: "nodejs:22" },
    });
    const said = "The 'nodejs:22' runtime is no longer supported. You may read and delete but not update or invoke this action.";
    for (const [method, path] of [
      ["PUT", "actions/old?overwrite=true"],
      ["POST", "actions/old?blocking=true"],
    ] as const) {
      const { status, body } = await whisk<{ error: string }>(served, method, path, {});
      assert.deepEqual([status, body.error], [400, said], method);
    }
    await putAction(served, "steps", { exec: { kind: "sequence", components: ["/_/old"] } });
    const asks = { kind: "nodejs:default", code: "function main() { return { action: 'old' }; }" };
    await putAction(served, "conducts", { exec: asks, annotations: [{ key: "conductor", value: true }] });
    for (const [name, error] of [
      ["steps", "Sequence failed."],
      ["conducts", "Activation failure during composition."],
    ] as const) {
      const { status, body } = await invoke(served, name);
      assert.deepEqual([status, body.response.status, body.response.result], [500, "whisk internal error", { error }]);
    }
    await whisk(served, "PUT", "triggers/heard", {});
    await whisk(served, "PUT", "rules/hears", { trigger: "/_/heard", action: "/_/old" });
    const fired = await whisk<{ activationId: string }>(served, "POST", "triggers/heard", {});
    const { body: event } = await whisk<{ logs: string[] }>(served, "GET", `activations/${fired.body.activationId}`);
    const lines = event.logs.map((line) => JSON.parse(line) as object);
    assert.deepEqual(lines, [{ rule: "guest/hears", action: "guest/old", statusCode: 1, success: false, error: said }]);
    for (const method of ["GET", "DELETE"]) assert.equal((await whisk(served, method, "actions/old")).status, 200, method);
  });

  test("its stem cells wait, and a first call finds one", async () => {
    const ready = async () =>
      /polykiln_stem_cells\{state="ready"\} ([1-9])/.test(await (await fetch(`${served.url}/metrics`)).text());
    for (let attempt = 0; attempt < 600 && !(await ready()); attempt++) await new Promise((resolve) => setTimeout(resolve, 100));
    await putAction(served, "first", {
      exec: { kind: "nodejs:24", code: "function main() { return {}; }" },
      limits: { memory: 256 },
    });
    const { body } = await invoke(served, "first");
    const path = `/kiln/v1/namespaces/guest/activations/${body.activationId}`;
    const record = (await (await fetch(served.url + path)).json()) as { start: string };
    assert.equal(record.start, "prewarmed");
  });
});
