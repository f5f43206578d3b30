import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { Failure } from "../failure.ts";
import { inOrder } from "./in-order.ts";
import { managedKey } from "./managed.ts";
import { type Manifest, readManifest } from "./manifest.ts";

let home: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), "kiln-manifest-"));
});
after(() => rmSync(home, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

const variables = { TEAM: "books", PORT: "8080", EMPTY: "" };

function read(files: Files, parameters: Readonly<Record<string, string>> = {}): Manifest {
  const folder = mkdtempSync(join(home, "p-"));
  for (const [name, text] of Object.entries({ "a.js": "code", ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const file = join(folder, "manifest.yaml");
  return readManifest({ file, deployment: null, project: null, parameters, variables, cwd: folder });
}

/** The package `p` with these lines, and an action `a`. */
function inPackage(lines: string): string {
  return `packages:\n  p:\n    actions:\n      a: { function: a.js }\n${lines.replaceAll(/^/gm, "    ")}\n`;
}

function inputsOf(yaml: string, parameters: Readonly<Record<string, string>> = {}, outer = ""): unknown {
  const text = `project:\n  inputs: { region: eu }\n  packages:\n    p:\n      inputs: { currency: EUR${outer} }\n      actions:\n        a:\n          function: a.js\n          inputs: ${yaml}\n`;
  return read({ "manifest.yaml": text }, parameters).actions[0]?.parameters;
}

test("inputs are values, types, or described, with variables put in", () => {
  const cases: readonly (readonly [yaml: string, expected: unknown])[] = [
    ["{ x: 1, y: 1.5, z: true, t: text }", { x: 1, y: 1.5, z: true, t: "text" }],
    ["{ s: string, i: integer, f: float, b: boolean, j: json }", { s: "", i: 0, f: 0, b: false, j: {} }],
    [
      "{ s: { type: string }, n: { type: integer, default: 3 }, v: { type: integer, value: 4, default: 3 } }",
      { s: "", n: 3, v: 4 },
    ],
    ["{ v: { value: 4, description: four }, not: { value: 4, other: 5 } }", { v: 4, not: { value: 4, other: 5 } }],
    [
      "{ a: $TEAM, b: '${TEAM}-${PORT}', c: 'a $TEAM', d: '$${TEAM}', e: $5 }",
      { a: "books", b: "books-8080", c: "a $TEAM", d: "${TEAM}", e: "$5" },
    ],
    ["{ n: { type: integer, value: $PORT }, b: { type: boolean, value: 'true' } }", { n: 8080, b: true }],
    [
      "{ j: { type: json, value: '{\"a\": [1]}' }, m: { k: { l: $TEAM } }, l: [$TEAM] }",
      { j: { a: [1] }, m: { k: { l: "books" } }, l: ["$TEAM"] },
    ],
    ["{ c: $currency, r: { type: string, value: '${region}' }, e: $EMPTY }", { c: "EUR", r: "eu", e: "" }],
    ["{ y: yes, n: 'no', list: [Off], on: On }", { y: true, n: "no", list: [false], on: true }],
    ["{ nothing: , empty: {} }", { nothing: "", empty: {} }],
  ];
  for (const [yaml, expected] of cases) assert.deepEqual(inputsOf(yaml), expected, yaml);
  assert.deepEqual(inputsOf("{ n: { type: integer, value: 1 }, t: text }", { n: "7", t: "other", absent: "x" }), {
    n: 7,
    t: "other",
  });
});

test("a package has its inputs as parameters, not those of the project, and takes a variable of a name without a value", () => {
  const { packages, warnings } = read({
    "manifest.yaml":
      "project:\n  name: one\n  inputs: { region: eu, own: here }\n  packages:\n    p:\n      version: 1.5\n      public: true\n      inputs: { PORT: integer, own: mine, r: $region, gone: $NOT_SET }\n      annotations: { a: $TEAM }\n",
  });
  const [pkg] = packages;
  assert.deepEqual(pkg?.parameters, { PORT: 8080, r: "eu", gone: "" });
  assert.deepEqual([pkg?.version, pkg?.publish, pkg?.annotations["a"]], ["1.5", true, "books"]);
  assert.deepEqual(warnings, ["manifest.yaml:8:61: the variable NOT_SET is not set and is empty"]);
});

test("names: of the package, of the namespace, whole ones, and variables", () => {
  const { actions, sequences, rules, triggers, bindings } = read({
    "manifest.yaml": inPackage(`inputs: { EVENT: from-input }
sequences:
  s: { actions: "a, q/b, /other/r/c", web: raw }
triggers:
  $EVENT: {}
  \${TEAM}-t: { feed: alarms/once, inputs: { date: soon } }
  bare:
rules:
  r: { trigger: $EVENT, action: s }
  r2: { trigger: /_/x, action: q/b }
dependencies:
  d: { location: /whisk.system/utils, inputs: { k: v } }`),
  });
  assert.deepEqual(
    actions.map(({ name, kind, image, main }) => [name, kind, image, main]),
    [["p/a", "nodejs:default", null, null]],
  );
  assert.deepEqual(sequences[0]?.components, ["/_/p/a", "/_/q/b", "/other/r/c"]);
  assert.deepEqual(sequences[0]?.annotations, { "web-export": true, "raw-http": true, final: true });
  assert.deepEqual(
    triggers.map(({ name, feed, parameters }) => [name, feed, parameters]),
    [
      ["from-input", null, {}],
      ["books-t", "/_/alarms/once", { date: "soon" }],
      ["bare", null, {}],
    ],
  );
  assert.deepEqual(
    rules.map(({ trigger, action }) => [trigger, action]),
    [
      ["/_/from-input", "/_/p/s"],
      ["/_/x", "/_/q/b"],
    ],
  );
  assert.deepEqual(
    bindings.map(({ name, provider, parameters }) => [name, provider, parameters]),
    [["d", { namespace: "whisk.system", name: "utils" }, { k: "v" }]],
  );
  const plain = read({
    "manifest.yaml": "packages:\n  default:\n    actions: { a: { function: a.js } }\n    sequences: { s: { actions: a } }\n",
  });
  assert.deepEqual([plain.packages, plain.actions[0]?.name, plain.sequences[0]?.components], [[], "a", ["/_/a"]]);
});

test("actions: code of every form, images, limits, web and conductors", () => {
  const { actions } = read({
    "folder/index.js": "",
    "manifest.yaml": `packages:
  p:
    actions:
      folder: { function: folder, runtime: "nodejs:24", exclude: [folder/x], include: [[a.js]] }
      url: { location: "https://example.org/x/code.py?v=1" }
      code: { code: "1", runtime: ruby, main: go, web: no, limits: { timeout: 100 } }
      image: { docker: "me/\${TEAM}" }
      program: { function: a.js, native: true, conductor: true, web-export: yes, annotations: { web-export: false } }
`,
  });
  const [folder, url, code, image, program] = actions;
  assert.deepEqual(
    [folder?.code?.type, folder?.kind, url?.code?.type, url?.kind],
    ["folder", "nodejs:24", "url", "python:default"],
  );
  assert.deepEqual([code?.kind, code?.main, code?.limits], ["ruby", "go", { timeout: 100, memory: 256, logs: 10 }]);
  assert.deepEqual(code?.annotations, { "web-export": false, "raw-http": false, final: false });
  assert.deepEqual([image?.kind, image?.image, image?.code], ["blackbox", "me/books", null]);
  assert.deepEqual([program?.image, program?.code?.type], ["openwhisk/dockerskeleton", "file"]);
  assert.deepEqual(program?.annotations, { "web-export": true, "raw-http": false, final: true, conductor: true });
});

test("deployment.yaml comes before the manifest, and what it says of nothing is told", () => {
  const { packages, actions, triggers, warnings } = read({
    "manifest.yaml": inPackage("inputs: { k: 1, l: 2 }\ntriggers: { t: { inputs: { x: 1 } } }\nannotations: { a: 1, b: 2 }"),
    "deployment.yml":
      "packages:\n  p:\n    inputs: { k: $PORT, m: 3 }\n    annotations: { a: $TEAM }\n    actions: { a: { inputs: { n: 1 } }, aa: {} }\n    triggers: { t: { inputs: { x: 2 } } }\n  q: {}\n",
  });
  assert.deepEqual(packages[0]?.parameters, { k: "8080", l: 2, m: 3 });
  assert.deepEqual(packages[0]?.annotations, { a: "books", b: 2 });
  assert.deepEqual([actions[0]?.parameters, triggers[0]?.parameters], [{ n: 1 }, { x: 2 }]);
  assert.deepEqual(warnings, [
    "deployment.yml:7:3: the manifest has no package q; did you mean p?",
    "deployment.yml:5:41: the manifest has no action aa; did you mean a?",
  ]);
});

test("an API makes its action a web action and names it", () => {
  const { apis, actions } = read({
    "manifest.yaml": inPackage("apis: { hello: { base: { '/{name}/x': { a: { method: GET, response: json } } } } }"),
  });
  assert.deepEqual(
    apis.map(({ place: _place, at: _at, ...rest }) => rest),
    [{ name: "hello", basePath: "/base", path: "/{name}/x", verb: "get", action: ["p", "a"], responseType: "http" }],
  );
  assert.equal(actions[0]?.annotations["web-export"], true);
});

test("a project marks what it makes as wskdeploy does", () => {
  const { managed, actions } = read({
    "manifest.yaml": "project:\n  name: $TEAM\n  packages:\n    p:\n      actions: { a: { function: a.js } }\n",
  });
  assert.deepEqual(managed, { file: "manifest.yaml", projectDeps: [], projectHash: managed?.projectHash, projectName: "books" });
  assert.match(managed?.projectHash ?? "", /^[0-9a-f]{40}$/);
  assert.equal(actions[0]?.annotations[managedKey], managed);
});

function sequencesIn(lines: string): Manifest["sequences"] {
  return read({ "manifest.yaml": inPackage(`sequences:\n${lines}`) }).sequences;
}

test("sequences come behind those in them, and none comes back to itself", () => {
  const sorted = inOrder(sequencesIn("  x: { actions: y }\n  y: { actions: 'a, z' }\n  z: { actions: a }"));
  assert.deepEqual(
    sorted.map(({ name }) => name),
    ["p/z", "p/y", "p/x"],
  );
  assert.throws(() => inOrder(sequencesIn("  x: { actions: y }\n  y: { actions: x }")), /Sequence p\/x comes back to itself/);
});

/** What is wrong, where, and with what words. */
const complaints: readonly (readonly [yaml: string, where: string, text: RegExp])[] = [
  ["packages: { p: { action: {} } }", "1:18", /"action" is not a key here.*did you mean actions\?/s],
  ["packages: { p: { actions: { a: { function: b.js } } } }", "1:44", /There is no b.js/],
  ["packages: { p: { actions: { a: {} } } }", "1:29", /The action has no code/],
  ["packages: { p: { actions: { a: { code: x } } } }", "1:29", /The action has no runtime/],
  ["packages: { p: { actions: { a: { code: x, function: a.js } } } }", "1:34", /code or function, not both/],
  ["packages: { p: { actions: { a: { function: a.js, web: maybe } } } }", "1:55", /web is "maybe".*true, yes, false, no or raw/s],
  ["packages: { p: { inputs: { x: { type: strin } } } }", "1:39", /"strin" is no type of an input.*did you mean string\?/s],
  ["packages: { p: { inputs: { x: { type: integer, value: abc } } } }", "1:55", /The text here is no integer/],
  ["packages: { p: { inputs: { x: { type: string, required: true } } } }", "1:28", /no value, and must.*--param x=/s],
  ["packages: { p: { rules: { r: { trigger: t } } } }", "1:27", /The rule r has no action/],
  [
    "packages: { p: { dependencies: { d: { location: github.com/a/b } } } }",
    "1:49",
    /Nothing is fetched from repositories.*location: \/_\/PACKAGE/s,
  ],
  ["packages: { p: { dependencies: { d: { location: utils } } } }", "1:49", /A location is \/NAMESPACE\/PACKAGE/],
  ["packages: { $NONE: {} }", "1:13", /This name is empty/],
  ["packages: { p: { apis: { n: { b: { p: { x: { method: get } } } } } } }", "1:41", /no action and no sequence x/],
  [
    "packages: { p: { triggers: { t: }, sequences: { a: { actions: a }, a2: { actions: a } }, actions: { a: { function: a.js } } } }",
    "1:49",
    /p\/a is there twice/,
  ],
  [
    "packages: { p: { actions: { a: { function: a.js, annotations: { require-whisk-auth: -1 } } } } }",
    "1:85",
    /whole number above 0/,
  ],
  [
    "packages: { p: { actions: { a: { function: a.js, web: no } }, apis: { n: { b: { p: { a: { method: get } } } } } } }",
    "1:86",
    /no web action.*manifest.yaml:1:29 says so/s,
  ],
  ["project: { config: api.yaml }", "1:12", /Swagger/],
  ["packages: [", "1:12", /The YAML is broken/],
  ["packages: { p: { actions: { a: { function: a.js, include: [[a, b, c]] } } } }", "1:60", /more than 2 items/],
];

test("a complaint says what, where, why and the fix", () => {
  for (const [yaml, where, text] of complaints) {
    try {
      read({ "manifest.yaml": yaml });
    } catch (error) {
      assert.ok(error instanceof Failure, `${yaml}: ${String(error)}`);
      const { what, why, fix } = error.fields;
      assert.match([what, why, fix].join("\n"), text, yaml);
      assert.equal(error.fields.where, `manifest.yaml:${where}`, yaml);
      continue;
    }
    assert.fail(`It was taken: ${yaml}`);
  }
  const mismatch = { "manifest.yaml": "project: { name: a }", "deployment.yaml": "project: { name: b }" };
  assert.throws(() => read(mismatch), /This is for the project "b", and the manifest is "a"/);
});
