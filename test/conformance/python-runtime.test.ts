import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runtimeSuite } from "./runtime-suite.ts";
import { call, type Case, check as checkCase, type Code, type Runtime, start } from "./runtimes.ts";

const runtime: Runtime = {
  name: "python",
  command: ["/usr/bin/python3", join(import.meta.dirname, "../../runtimes/python/main.py")],
};

const py = (text: string, file = "handler.py"): Code => ({ [file]: text });
const check = (name: string, code: string | Code, fields: Omit<Case, "name" | "code">) =>
  checkCase(runtime, { name, code: typeof code === "string" ? py(code) : code, ...fields });

runtimeSuite(runtime, {
  echo: py("def handler(event, context):\n    return event"),
  bytes: py("def handler(event, context):\n    return b'a' * event"),
  stream: py(`def handler(event, context):
    whole = False
    try:
        for i in range(200):
            yield bytes(65536)
        whole = True
    finally:
        if not whole:
            print('closed')
`),
  brokenStream: py("def handler(event, context):\n    yield 'one'\n    raise ValueError('later')"),
  print: py(`import sys, time
def handler(event, context):
    print(event['text'])
    time.sleep(event['ms'] / 1000)
    sys.stderr.write('end')
`),
  exit: py("import os\ndef handler(event, context):\n    print('last words')\n    os._exit(3)"),
  thrower: py("def handler(event, context):\n    if isinstance(event, bytes):\n        raise ValueError('no')\n    return event"),
});

const typed = "200 text/plain; charset=utf-8";

// Answers.
check("dict", "def handler(event, context):\n    return {'hello': event['name']}", {
  event: { name: "bö" },
  expect: '200 application/json {"hello":"bö"}',
});
check("async", "import asyncio\nasync def handler(event, context):\n    await asyncio.sleep(0.01)\n    return [event['n'] + 1]", {
  event: { n: 1 },
  expect: "200 application/json [2]",
});
check("async generator", "async def handler(event, context):\n    yield 'a'\n    yield b'b'", {
  expect: "200 application/octet-stream ab",
});
check("text", "def handler(event, context): return 'grüß'", { expect: `${typed} grüß` });
check("bytes", "def handler(event, context): return bytearray(b'hi')", { expect: "200 application/octet-stream hi" });
check("nothing", "def handler(event, context): pass", { expect: "200 -" });
check("only the event", "def handler(event): return 'one'", { expect: `${typed} one` });
check("no argument", "def main(): return 'none'", { expect: `${typed} none` });
check(
  "status and headers",
  "def handler(event, context):\n    context.status(201)\n    context.header('Content-Type', 'text/html')\n    return '<p>'",
  {
    expect: "201 text/html <p>",
  },
);
check("a header that HTTP cannot carry", "def handler(event, context): context.header('x', 'a\\nb')", {
  expect: /^function_failed: The value of header x has characters/,
});
check("a value that JSON cannot carry", "def handler(event, context): return {1, 2}", {
  expect: /^function_failed: Object of type set is not JSON/,
});
check("not a number is no JSON", "def handler(event, context): return float('nan')", {
  expect: /^function_failed: Out of range/,
});

// Events.
const typeOf = "def handler(event, context): return type(event).__name__ + ' ' + repr(event)";
check("JSON without a type", typeOf, { event: '{"a":1}', headers: [], expect: `${typed} dict {'a': 1}` });
check("text without a type", typeOf, { event: "hello", headers: [], expect: `${typed} bytes b'hello'` });
check("bytes that are no UTF-8", typeOf, {
  event: Buffer.from([0x22, 0xff, 0x22]),
  headers: [],
  expect: `${typed} bytes b'"\\xff"'`,
});
check("text by its type", typeOf, { event: "{}", headers: ["content-type", "text/plain"], expect: `${typed} str '{}'` });
check("what curl -d declares", typeOf, {
  event: '{"a":1}',
  headers: ["content-type", "application/x-www-form-urlencoded"],
  expect: `${typed} dict {'a': 1}`,
});
check("nothing in", typeOf, { expect: `${typed} NoneType None` });
check("broken JSON", typeOf, {
  event: "{",
  headers: ["content-type", "application/json"],
  expect: /^400 application\/json .*not valid JSON/,
});

// Context.
check(
  "call, headers and time",
  "def handler(e, c): return [c.call_id[:4], c.headers['x-a'], c.remaining_ms() > 0, c.deadline > 1e12, c.url, c.cancelled]",
  {
    headers: ["X-A", "1", "x-a", "2"],
    expect: '200 application/json ["call","1, 2",true,true,null,false]',
  },
);
check("configuration", "import os\ndef handler(e, c): return os.environ['COLOR'] + c.config['COLOR']", {
  options: { env: { COLOR: "red" } },
  expect: `${typed} redred`,
});

// Errors.
check("raise", "def handler(event, context):\n    raise RuntimeError('too far')", {
  expect: "function_failed: too far",
  stack:
    /^Traceback \(most recent call last\):\n {2}File "[^"]*handler\.py", line 2, in handler\n.*\n(?:.*\n)?RuntimeError: too far$/,
});
check("raise in async code", "async def handler(event, context):\n    raise KeyError('k')", {
  expect: "function_failed: 'k'",
  stack: /handler\.py", line 2/,
});
check("a name that is not there", "def handler(event, context):\n    return callback(event)", {
  expect: /^function_failed: name 'callback' is not defined \(at \/.*handler\.py:2\)$/,
});
check(
  "an error while handling one",
  "def handler(e, c):\n    try:\n        1/0\n    except Exception:\n        raise ValueError('b')",
  {
    expect: "function_failed: b",
    stack: /ZeroDivisionError[^]*During handling[^]*ValueError: b$/,
  },
);
check("sys.exit in a call", "import sys\ndef handler(event, context):\n    sys.exit('enough')", {
  expect: /^function_exited: /,
  prints: ["call stderr enough"],
});

// Loading.
check("no handler of that name", "def a(): pass", {
  options: { handler: "handler.b" },
  expect: /^function_start_failed: .*HandlerNotFound: .*handler\.py has no function b; it has: a$/,
});
check("no such file", "def a(): pass", {
  options: { handler: "other.a" },
  expect: /^function_start_failed: .*Handler "other.a" is in no file/,
});
check("no entry", { "a.py": "", "b.py": "" }, { expect: /^function_start_failed: .*no entry file.*2 scripts/ });
check("syntax error", "def handler(event, context):\n    x = = 1", {
  expect: /^function_start_failed: .*SyntaxError: invalid syntax \(at \/.*handler\.py:2\)$/,
});
check("raises while loading", "print('loading')\nNone.x", {
  expect: /^function_start_failed: .*AttributeError: 'NoneType'/,
  stack: /handler\.py", line 2/,
  prints: ["- stdout loading"],
});
check("a module that is not there", "import nowhere", { expect: /^function_start_failed: .*No module named 'nowhere'/ });
check("exits while loading", "import os\nprint('bye')\nos._exit(4)", {
  expect: /^function_start_failed: .*ended before its code was ready/,
  prints: ["- stdout bye"],
});
check("sys.exit while loading", "import sys\nsys.exit(2)", {
  expect: /^function_start_failed: .*SystemExit: The code called sys.exit\(2\) while/,
});
check("a handler in a folder", py("def go(event): return 'deep'", "src/api.py"), {
  options: { handler: "src/api.go" },
  expect: `${typed} deep`,
});
check(
  "a handler in a package",
  { "pkg/__init__.py": "from .other import go", "pkg/other.py": "def go(event): return 'pkg'" },
  {
    options: { handler: "pkg.go" },
    expect: `${typed} pkg`,
  },
);
check("__main__.py", py("def main(event): return __name__", "__main__.py"), { expect: `${typed} function_main` });
check(
  "main.py, beside modules named like ours",
  {
    "main.py": "import connection, load\ndef main(event): return connection.x + load.x",
    "connection.py": "x = 'own'",
    "load.py": "x = 's'",
  },
  { expect: `${typed} owns` },
);

test("python: a child that the code forks does not disturb the connection", { timeout: 20_000 }, async () => {
  const code = `import os
def handler(event, context):
    child = os.fork()
    if child == 0:
        print('in the child', flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print('parent')
    return 1
`;
  const running = await start(runtime, py(code));
  try {
    for (let n = 0; n < 3; n++) assert.equal((await call(running)).text, "1");
    assert.equal(running.printed.length, 3);
  } finally {
    await running.stop();
  }
});

test("python: bytes written to sys.stdout.buffer, and print without a line feed", { timeout: 20_000 }, async () => {
  const running = await start(
    runtime,
    py(
      "import sys\ndef handler(event, context):\n    print('a', end='')\n    sys.stdout.buffer.write(b'b\\n')\n    print('c', end='')",
    ),
  );
  try {
    await call(running);
    assert.deepEqual(
      running.printed.map((line) => line.split(" ").at(-1)),
      ["ab", "c"],
    );
  } finally {
    await running.stop();
  }
});
