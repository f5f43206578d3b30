import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { sharedCases } from "./runtime-cases.ts";
import { runtimeSuite } from "./runtime-suite.ts";
import { call, type Case, check as checkCase, type Code, failure, type Runtime, start, until } from "./runtimes.ts";

const root = join(import.meta.dirname, "../..");
const runtime: Runtime = { name: "node", command: [process.execPath, join(root, "runtimes/nodejs/main.cjs")] };

const js = (text: string, file = "index.js"): Code => ({ [file]: text });
const check = (name: string, code: string | Code, fields: Omit<Case, "name" | "code">) =>
  checkCase(runtime, { name, code: typeof code === "string" ? js(code) : code, ...fields });

for (const { node, python: _, ...given } of sharedCases) check(given.name, node, given);

runtimeSuite(runtime, {
  echo: js("exports.handler = (event) => event"),
  bytes: js("exports.handler = (event) => Buffer.alloc(event, 'a')"),
  stream: js(`exports.handler = async function* () {
    let whole = false;
    try { for (let i = 0; i < 200; i++) yield Buffer.alloc(65536); whole = true } finally { if (!whole) console.log('closed') }
  }`),
  brokenStream: js("exports.handler = async function* () { yield 'one'; throw new Error('later') }"),
  print: js(`exports.handler = async ({ text, ms }) => {
    console.log(text); await new Promise((r) => setTimeout(r, ms)); process.stderr.write('end');
  }`),
  exit: js("exports.handler = () => { console.log('last words'); process.exit(3) }"),
  waits: js(`exports.handler = async (e, context) => {
    const told = new Promise((resolve) => context.signal.addEventListener('abort', resolve)); console.log('waiting'); await told; console.log(context.signal.reason.name);
  }`),
  loggedElsewhere: js(`const asked = []; setInterval(() => { for (const ask of asked.splice(0)) ask() }, 5).unref();
    exports.handler = (text, context) => new Promise((resolve) => asked.push(() => { context.log.info(text); resolve() }))`),
  thrower: js("exports.handler = (event) => { if (Buffer.isBuffer(event)) throw new Error('no'); return event }"),
});

// Answers.
check("null is a value", "module.exports = () => null", { expect: "200 application/json null" });
check("a Node stream", "module.exports = () => require('stream').Readable.from(['a', 'b'])", {
  expect: "200 application/octet-stream ab",
});
check("a web stream", "module.exports = () => new Blob(['web']).stream()", { expect: "200 application/octet-stream web" });
check("a function as answer", "module.exports = () => () => 1", { expect: /^function_failed: The handler answered a function/ });

const typed = "200 text/plain; charset=utf-8";

// Callbacks.
check(
  "(event, context, callback)",
  "exports.handler = (event, context, callback) => setTimeout(() => callback(null, { a: 1 }), 5)",
  {
    expect: '200 application/json {"a":1}',
  },
);
check("(event, callback), later", "exports.handler = (event, cb) => { setTimeout(() => cb(null, 'late'), 5) }", {
  expect: `${typed} late`,
});
check(
  "(event, callback), passed on",
  "exports.handler = (event, done) => require('fs').stat('/', (e) => setTimeout(done, 5, e, 'ok'))",
  {
    expect: `${typed} ok`,
  },
);
check(
  "context called as the callback",
  "exports.handler = (event, context) => { setTimeout(() => context(null, context.callId.length > 4), 5) }",
  {
    expect: "200 application/json true",
  },
);
check("minified", "exports.handler=(e,t)=>{setTimeout(()=>t(null,'mini'),5)}", { expect: `${typed} mini` });
check(
  "an arrow that returns what the callback's function gave",
  "exports.handler = (event, cb) => setTimeout(() => cb(null, 1), 5)",
  {
    expect: "200 application/json 1",
  },
);
check(
  "returns nothing, with a context it only reads, and a timer that stays",
  "setInterval(() => {}, 1000); exports.handler = (event, context) => { console.log(typeof context.deadline) }",
  {
    expect: "200 -",
    prints: ["call stdout number"],
  },
);
check(
  "passes the context on, never calls back",
  "const log = (c) => console.log(typeof c); exports.handler = (event, context) => { log(context) }",
  {
    expect: "200 -",
  },
);
check("takes a callback, never calls it", "exports.handler = (event, cb) => { if (event === 1) cb(null) }", { expect: "200 -" });
check("takes three, never calls back", "exports.handler = (event, context, callback) => { console.log('x') }", {
  expect: "200 -",
});
check("callback with an error", "exports.handler = (e, c, callback) => callback(new TypeError('bad'))", {
  expect: "function_failed: bad",
  stack: /index\.js:1:/,
});
check("callback given its result as the error", "exports.handler = (e, c, callback) => {\n  callback({ ok: true });\n}", {
  expect:
    /^function_failed: The callback was given an object as its error, the first argument: \{"ok":true\}.*callback\(null, result\).* \(at \/.*index\.js:2:3\)$/,
  stack: /index\.js:2:3/,
});
check("callback given text as the error", "exports.handler = (e, cb) => {\n\n  cb('done');\n}", {
  expect: /^function_failed: The callback was given a string as its error, the first argument: done.*index\.js:3:3\)$/,
});
check(
  "the first call back counts",
  "exports.handler = (e, c, callback) => { callback(null, 1); callback(null, 2); throw new Error('x') }",
  {
    expect: "200 application/json 1",
  },
);

// Errors.
check("throw", "exports.handler = () => {\n  throw new RangeError('too far')\n}", {
  expect: "function_failed: too far",
  stack: /^RangeError: too far\n\s+at [^\n]*index\.js:2:9\)?$/,
});
check("reject", "exports.handler = async () => { await 1; throw new Error('async') }", {
  expect: "function_failed: async",
  stack: /index\.js:1/,
});
check("throw a string", "exports.handler = () => { throw 'text' }", { expect: "function_failed: text" });
check("uncaught later", "exports.handler = () => new Promise(() => { setTimeout(() => { throw new Error('later') }, 5) })", {
  expect: "function_failed: later",
});
check("a rejection that nobody handles", "exports.handler = () => new Promise(() => { Promise.reject(new Error('lost')) })", {
  expect: "function_failed: lost",
});

// Loading.
check("no handler of that name", "exports.a = () => 1", {
  options: { handler: "index.b" },
  expect: /^function_start_failed: .*HandlerNotFound: .*index\.js exports no function "b"; it exports: a$/,
});
check("a class", "exports.handler = class A {}", { expect: /^function_start_failed: .*exports the class A/ });
check("syntax error", "exports.handler = () => {\n  let x = ;\n}", {
  expect: /^function_start_failed: .*SyntaxError: Unexpected token ';' \(at \/.*index\.js:2\)$/,
});
check("syntax error in a module", js("export const a = 1;\nlet x = ;\n", "index.mjs"), {
  expect: /^function_start_failed: .*SyntaxError: Unexpected token ';'.*index\.mjs:2/,
});
check("a module by extension", js("export const handler = () => 'esm'", "index.mjs"), { expect: `${typed} esm` });
check(
  "a module by package.json",
  { "package.json": '{"type":"module"}', "index.js": "export default () => import.meta.url.length > 0" },
  {
    expect: "200 application/json true",
  },
);
check(
  "a module by its syntax",
  "import { readFileSync } from 'node:fs';\nawait 1;\nexport const handler = () => typeof readFileSync",
  { expect: `${typed} function` },
);
check(
  "main of package.json",
  { "package.json": '{"main":"lib/go"}', "lib/go.js": "exports.main = () => 'main'" },
  { expect: `${typed} main` },
);
check(
  "exports of package.json",
  { "package.json": '{"exports":{".":{"import":"./m.mjs"}}}', "m.mjs": "export default () => 'm'" },
  { expect: `${typed} m` },
);
check("the only script", js("module.exports = () => 'only'", "whatever.js"), { expect: `${typed} only` });
check("a handler in a folder", js("exports.go = () => 'deep'", "src/a.b.js"), {
  options: { handler: "src/a.b.go" },
  expect: `${typed} deep`,
});
check("methods keep their object", "exports.handler = function () { return this.name }; exports.name = 'own'", {
  expect: `${typed} own`,
});

// Programs that were printed years ago, as they were printed.
check(
  "whoami",
  "const exec = require('child_process').exec; exports.handler = (trigger, cb) => { exec('whoami', (err, stdout) => { console.log(stdout); return cb(null); }); }",
  {
    expect: "200 -",
    prints: [`call stdout ${execFileSync("whoami", { encoding: "utf8" }).trim()}`, "call stdout "],
  },
);
const coldProgram = `var SO_SO_COLD = true; exports.handler
    = function(trigger, cb) { console.log('Cold? %s', SO_SO_COLD); SO_SO_COLD = false; return callback(cb) }`;
check("cold, with a name that is not there", coldProgram, {
  expect: /^function_failed: callback is not defined \(at \/.*index\.js:2:\d+\)$/,
  stack: /index\.js:2:/,
  prints: [/^call stdout Cold\? true$/, /^call stderr ReferenceError: callback is not defined$/, /index\.js:2:\d+/],
});
test("node: an uncaught error ends the process, and the session says so with the error", { timeout: 20_000 }, async () => {
  const running = await start(
    runtime,
    js("exports.handler = () => { setTimeout(() => { throw new Error('boom') }, 5); return new Promise(() => {}) }"),
  );
  try {
    assert.equal((await failure(call(running))).message, "boom");
    assert.equal(running.session.usable, false);
    await until(() => running.child.exitCode === 1);
  } finally {
    await running.stop();
  }
});

test("node: output after the answer belongs to no call; a flood of it arrives whole", { timeout: 20_000 }, async () => {
  const code =
    "exports.handler = (event) => { if (event === 'later') { setTimeout(() => console.log('late'), 20); return 1 } for (let i = 0; i < 20000; i++) console.log('line ' + i) }";
  const running = await start(runtime, js(code));
  try {
    await call(running, '"later"');
    await until(() => running.printed.length === 1);
    assert.deepEqual(running.printed, ["- stdout late"]);
    await call(running, '"flood"');
    assert.equal(running.printed.length, 20_001);
    assert.match(running.printed.at(-1) as string, /line 19999$/);
  } finally {
    await running.stop();
  }
});
