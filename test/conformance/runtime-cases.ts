/** What a handler in any language sees and gives, one call each; the code does the same in each language. */
import type { Case, Code } from "./runtimes.ts";

export interface SharedCase extends Omit<Case, "code"> {
  /** Text: of the usual file. */
  readonly node: string | Code;
  readonly python: string | Code;
}

const typed = "200 text/plain; charset=utf-8";
const form = ["content-type", "application/x-www-form-urlencoded"];

/** Says what it got. */
const kindOf = {
  node: `module.exports = (event) =>
    event === undefined ? 'nothing' : Buffer.isBuffer(event) ? 'bytes ' + event.toString('hex') :
    typeof event === 'string' ? 'text ' + event : 'value ' + JSON.stringify(event)`,
  python: `import json
def handler(event, context):
    if event is None: return 'nothing'
    if isinstance(event, bytes): return 'bytes ' + event.hex()
    if isinstance(event, str): return 'text ' + event
    return 'value ' + json.dumps(event, separators=(',', ':'))`,
};

const answers: readonly SharedCase[] = [
  {
    name: "an object",
    node: "exports.handler = (event) => ({ hello: event.name })",
    python: "def handler(event, context): return {'hello': event['name']}",
    event: { name: "bö" },
    expect: '200 application/json {"hello":"bö"}',
  },
  {
    name: "asynchronous",
    node: "exports.handler = async (event) => { await new Promise((r) => setTimeout(r, 5)); return [event.n + 1] }",
    python: "import asyncio\nasync def handler(event, context):\n    await asyncio.sleep(0.005)\n    return [event['n'] + 1]",
    event: { n: 1 },
    expect: "200 application/json [2]",
  },
  {
    name: "text",
    node: "module.exports = () => 'grüß'",
    python: "def handler(event, context): return 'grüß'",
    expect: `${typed} grüß`,
  },
  {
    name: "bytes",
    node: "module.exports = () => new Uint8Array([104, 105])",
    python: "def handler(event, context): return bytearray(b'hi')",
    expect: "200 application/octet-stream hi",
  },
  { name: "nothing", node: "module.exports = () => {}", python: "def handler(event, context): pass", expect: "200 -" },
  {
    name: "a shape as HTTP handlers give is plain JSON",
    node: "module.exports = () => ({ statusCode: 201, body: 'x' })",
    python: "def handler(event, context): return {'statusCode': 201, 'body': 'x'}",
    expect: '200 application/json {"statusCode":201,"body":"x"}',
  },
  {
    name: "status and headers",
    node: "module.exports = (e, context) => { context.status(201).header('Content-Type', 'text/html'); return '<p>' }",
    python:
      "def handler(event, context):\n    context.status(201)\n    context.header('Content-Type', 'text/html')\n    return '<p>'",
    expect: "201 text/html <p>",
  },
  {
    name: "a header that HTTP cannot carry",
    node: "module.exports = (e, context) => { context.header('x', 'a\\nb') }",
    python: "def handler(event, context): context.header('x', 'a\\nb')",
    expect: /^function_failed: The value of header x has characters/,
  },
  {
    name: "a generator",
    node: "module.exports = function* () { yield 'a'; yield Buffer.from('b') }",
    python: "def handler(event, context):\n    yield 'a'\n    yield b'b'",
    expect: "200 application/octet-stream ab",
  },
  {
    name: "an asynchronous generator",
    node: "module.exports = async function* () { yield 'a'; yield Buffer.from('b') }",
    python: "async def handler(event, context):\n    yield 'a'\n    yield b'b'",
    expect: "200 application/octet-stream ab",
  },
  {
    name: "a value that JSON cannot carry",
    node: "module.exports = () => 1n",
    python: "def handler(event, context): return {1, 2}",
    expect: /^function_failed: .*(?:BigInt|Object of type set is not JSON)/,
  },
];

const events: readonly SharedCase[] = (
  [
    ["JSON without a type", '{"a":1}', [], 'value {"a":1}'],
    ["text without a type", "hello", [], "bytes 68656c6c6f"],
    ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22]), [], "bytes 22ff22"],
    ["text", "{}", ["content-type", "text/plain"], "text {}"],
    ["a JSON type with parameters", "[1]", ["content-type", "application/problem+json; a=b"], "value [1]"],
    ["what curl -d declares", '{"a":1}', form, 'value {"a":1}'],
    ["a form", "a=1", form, "text a=1"],
    ["an image", "ab", ["content-type", "image/png"], "bytes 6162"],
  ] as const
).map(([name, event, headers, seen]) => ({
  name,
  event,
  headers,
  expect: `${typed} ${seen}`,
  node: kindOf.node,
  python: kindOf.python,
}));

const inputs: readonly SharedCase[] = [
  { name: "nothing in", ...kindOf, expect: `${typed} nothing` },
  {
    name: "broken JSON",
    ...kindOf,
    event: "{",
    headers: ["content-type", "application/json"],
    expect: /^400 application\/json .*not valid JSON/,
  },
  {
    name: "call, headers and time",
    node: "module.exports = (e, c) => [c.callId.slice(0, 4), c.headers['x-a'], c.remainingMs() > 0, c.deadline > 1e12, c.http, c.trace]",
    python:
      "def handler(e, c): return [c.call_id[:4], c.headers['x-a'], c.remaining_ms() > 0, c.deadline > 1e12, c.http, c.trace]",
    headers: ["X-A", "1", "x-a", "2"],
    expect: '200 application/json ["call","1, 2",true,true,null,null]',
  },
  {
    name: "configuration",
    node: "module.exports = (e, c) => process.env.COLOR + c.config.COLOR",
    python: "import os\ndef handler(e, c): return os.environ['COLOR'] + c.config['COLOR']",
    options: { env: { COLOR: "red" } },
    expect: `${typed} redred`,
  },
];

const loading: readonly SharedCase[] = [
  {
    name: "no such file",
    node: "exports.a = () => 1",
    python: "def a(): pass",
    options: { handler: "other.a" },
    expect: /^function_start_failed: .*Handler "other.a" is in no file/,
  },
  {
    name: "no entry",
    node: { "a.js": "", "b.js": "" },
    python: { "a.py": "", "b.py": "" },
    expect: /^function_start_failed: .*no entry file.*2 scripts/,
  },
  {
    name: "throws while loading",
    node: "console.log('loading');\nnull.x",
    python: "print('loading')\nNone.x",
    expect: /^function_start_failed: .*(?:TypeError: Cannot read properties of null|AttributeError: 'NoneType')/,
    stack: /index\.js:2|handler\.py", line 2/,
    prints: ["- stdout loading"],
  },
  {
    name: "a module that is not there",
    node: "require('nowhere')",
    python: "import nowhere",
    expect: /^function_start_failed: .*(?:Cannot find module|No module named) 'nowhere'/,
  },
  {
    name: "exits while loading",
    node: "console.log('bye'); process.exit(4)",
    python: "import os\nprint('bye')\nos._exit(4)",
    expect: /^function_start_failed: .*ended before its code was ready/,
    prints: ["- stdout bye"],
  },
  {
    name: "a handler in a folder",
    node: { "src/api.js": "exports.go = () => 'deep'" },
    python: { "src/api.py": "def go(event): return 'deep'" },
    options: { handler: "src/api.go" },
    expect: `${typed} deep`,
  },
];

export const sharedCases: readonly SharedCase[] = [...answers, ...events, ...inputs, ...loading];
