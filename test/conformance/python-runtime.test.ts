import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { sharedCases } from "./runtime-cases.ts";
import { runtimeSuite } from "./runtime-suite.ts";
import { call, type Case, check as checkCase, type Code, type Runtime, start } from "./runtimes.ts";

const runtime: Runtime = {
  name: "python",
  command: ["/usr/bin/python3", join(import.meta.dirname, "../../runtimes/python/main.py")],
};

const py = (text: string, file = "handler.py"): Code => ({ [file]: text });
const check = (name: string, code: string | Code, fields: Omit<Case, "name" | "code">) =>
  checkCase(runtime, { name, code: typeof code === "string" ? py(code) : code, ...fields });

for (const { python, node: _, ...given } of sharedCases) check(given.name, python, given);

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
  waits: py(`import asyncio
async def handler(event, context):
    try:
        print('waiting')
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print('AbortError')
`),
  loggedElsewhere: py(`import threading, queue
asked = queue.Queue()
def answer():
    while True:
        context, text, done = asked.get()
        context.log.info(text)
        done.set()
threading.Thread(target=answer, daemon=True).start()
def handler(text, context):
    done = threading.Event()
    asked.put((context, text, done))
    done.wait()
`),
  thrower: py("def handler(event, context):\n    if isinstance(event, bytes):\n        raise ValueError('no')\n    return event"),
});

const typed = "200 text/plain; charset=utf-8";

// Answers.
check("only the event", "def handler(event): return 'one'", { expect: `${typed} one` });
check("no argument", "def main(): return 'none'", { expect: `${typed} none` });
check("not a number is no JSON", "def handler(event, context): return float('nan')", {
  expect: /^function_failed: Out of range/,
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
check("syntax error", "def handler(event, context):\n    x = = 1", {
  expect: /^function_start_failed: .*SyntaxError: invalid syntax \(at \/.*handler\.py:2\)$/,
});
check("sys.exit while loading", "import sys\nsys.exit(2)", {
  expect: /^function_start_failed: .*SystemExit: The code called sys.exit\(2\) while/,
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
