/** Functions that go wrong, each with what its caller is to be told. Texts of programs, by the way they go wrong. */
import type { ErrorCode } from "../../src/model/error.ts";
import type { Deployment } from "../platform.ts";

export interface Misbehaviour {
  readonly name: string;
  readonly file: NonNullable<Deployment["file"]>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of our API, with its message. */
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: RegExp;
  /** Of Fn's API. */
  readonly fnMessage: RegExp;
  /** Nothing of it lives when the answer is there. */
  readonly dead: boolean;
}

/** What a start may take on the server of these tests: a cold start beside other tests takes up to five seconds. */
export const startTimeoutMs = 8000;

const node = { kind: "nodejs:24" };
const python = { kind: "python:3.11" };
const server = { kind: "python:3.11", protocol: "http-port" };
/** A program that speaks http-stream itself, without the kit. */
const kit = { kind: "python:3.11", protocol: "http-stream", command: ["python3", "/function/main.py"] };
const program = { kind: "python:3.11", protocol: "stdio" };

const failsToInitialize = /^Container failed to initialize, please ensure you are using the latest fdk and check the logs: /;
const initializesTooLong = /^Container initialization timed out, please ensure/;
const functionFailed = /^function failed$/;
const noResponse = /^error receiving function response$/;
const invalidResponse = /^invalid function response$/;
const timedOut = /^Timed out$/;

const startFailed = { status: 502, code: "function_start_failed", fnMessage: failsToInitialize, dead: true } as const;
const startTimeout = { status: 504, code: "start_timeout", fnMessage: initializesTooLong, dead: true } as const;
const failed = { status: 502, code: "function_failed", fnMessage: functionFailed, dead: false } as const;
const exited = { status: 502, code: "function_exited", fnMessage: noResponse, dead: true } as const;
const outOfMemory = { status: 502, code: "function_out_of_memory", fnMessage: noResponse, dead: true } as const;
const protocolBroken = { status: 502, code: "function_protocol", fnMessage: invalidResponse, dead: true } as const;
const timeout = { status: 504, code: "timeout", fnMessage: timedOut, dead: true } as const;

/** A server that reads each request whole and answers with `reply` (bytes, an expression of `body`, `count`). */
const rawServer = (listen: string, reply: string) => `
import os, re, socket
${listen}
print("listening", flush=True)
count = 0
while True:
    connection, _ = server.accept()
    data = b""
    while True:
        while b"\\r\\n\\r\\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
        if b"\\r\\n\\r\\n" not in data:
            break
        head, _, data = data.partition(b"\\r\\n\\r\\n")
        length = re.search(rb"content-length: *(\\d+)", head, re.I)
        while length and len(data) < int(length[1]):
            data += connection.recv(65536)
        body, data = (data[: int(length[1])], data[int(length[1]) :]) if length else (b"", data)
        count += 1
        connection.sendall(${reply})
`;
export const onPort = 'server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))';
export const onSocket = `
server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/iofs/real.sock")
os.chmod("/tmp/iofs/real.sock", 0o666)
server.listen(16)
os.symlink("real.sock", "/tmp/iofs/lsnr.sock")`;
export { kit as rawKit, rawServer, server as rawHttpServer };

export const misbehaviours: readonly Misbehaviour[] = [
  {
    name: "node: no handler",
    file: ["index.js", "exports.other = () => 1"],
    settings: node,
    message: /index\.js exports no function "handler" or "main" or "default"; it exports: other/,
    ...startFailed,
  },
  {
    name: "node: a handler that is named and not there",
    file: ["index.js", "exports.handler = () => 1"],
    settings: { ...node, handler: "index.missing" },
    message: /exports no function "missing"; it exports: handler/,
    ...startFailed,
  },
  {
    name: "python: no handler",
    file: ["main.py", "def other(event, context):\n    pass\n"],
    settings: python,
    message: /main\.py.*handler/,
    ...startFailed,
  },
  {
    name: "node: wrong syntax",
    file: ["index.js", "const a = 1;\nexports.handler = () => { return a + ; };\n"],
    settings: node,
    message: /Unexpected token.*\/function\/index\.js:2/,
    ...startFailed,
  },
  {
    name: "node: wrong syntax in a module",
    file: ["index.mjs", "const a = 1;\nexport const handler = () => { return a + ; };\n"],
    settings: node,
    message: /Unexpected token.*\/function\/index\.mjs:2/,
    ...startFailed,
  },
  {
    name: "python: wrong syntax",
    file: ["main.py", "def handler(event, context):\n    return 1 +\n"],
    settings: python,
    message: /invalid syntax.*\/function\/main\.py.*2/,
    ...startFailed,
  },
  {
    name: "node: throws while it is loaded",
    file: ["index.js", "\nthrow new Error('no settings');"],
    settings: node,
    message: /no settings.*\/function\/index\.js:2/,
    ...startFailed,
  },
  {
    name: "python: a package that is not there",
    file: ["main.py", "import nothing_of_the_kind\n"],
    settings: python,
    message: /No module named 'nothing_of_the_kind'.*main\.py.*1/,
    ...startFailed,
  },
  {
    name: "node: ends while it is loaded",
    file: ["index.js", "console.log('first line'); console.error('no database'); process.exit(7);"],
    settings: node,
    message: /exit code 7.*it printed: .*first line.*no database|exit code 7.*it printed: .*no database.*first line/,
    ...startFailed,
  },
  {
    name: "http-port: ends before it listens",
    file: ["main.py", "import sys\nprint('first line')\nsys.exit('no database')\n"],
    settings: server,
    message: /exit code 1.*it printed: .*no database/,
    ...startFailed,
  },
  {
    name: "http-stream: ends before it listens",
    file: ["main.py", "raise KeyError('DATABASE')\n"],
    settings: kit,
    message: /exit code 1.*it printed: .*line 1.*KeyError: 'DATABASE'/,
    ...startFailed,
  },
  {
    name: "node: never ready",
    file: ["index.mjs", "console.log('waiting for a lock');\nawait new Promise((done) => setTimeout(done, 60_000));"],
    settings: node,
    message: /not ready within 8000 ms of its start: its code was still being loaded; it printed: waiting for a lock/,
    ...startTimeout,
  },
  {
    name: "http-port: never listens",
    file: ["main.py", "import time\nprint('waiting for a lock', flush=True)\ntime.sleep(60)\n"],
    settings: server,
    message: /not ready within 8000 ms of its start: nothing listened on its port 8080; it printed: waiting for a lock/,
    ...startTimeout,
  },
  {
    name: "http-stream: never listens",
    file: ["main.py", "import time\nprint('waiting for a lock', flush=True)\ntime.sleep(60)\n"],
    settings: kit,
    message: /not ready within 8000 ms of its start: nothing listened at \/tmp\/iofs\/lsnr\.sock; it printed: waiting for a lock/,
    ...startTimeout,
  },
  {
    name: "http-stream: a listener that leads outside",
    file: ["main.py", "import os, time\nos.symlink('/dev/log', '/tmp/iofs/lsnr.sock')\ntime.sleep(60)\n"],
    settings: kit,
    ...protocolBroken,
    fnMessage: /./,
    message: /link/,
  },
  {
    name: "node: ends in a call",
    file: ["index.js", "exports.handler = () => process.exit(5)"],
    settings: node,
    message: /ended in the middle of a call \(exit code 5\)/,
    ...exited,
  },
  {
    name: "python: is killed in a call",
    file: ["main.py", "import os\ndef handler(event, context):\n    os.kill(os.getpid(), 11)\n"],
    settings: python,
    message: /ended in the middle of a call \(ended by SIGSEGV\)/,
    ...exited,
  },
  {
    name: "node: throws outside its call",
    file: ["index.js", "exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('far away'); }, 10))"],
    settings: node,
    ...failed,
    message: /far away/,
  },
  {
    name: "node: memory",
    file: ["index.js", "const kept = []; exports.handler = () => { for (;;) kept.push(Buffer.alloc(4 << 20, 1)); }"],
    settings: { ...node, memoryMiB: 64 },
    message: /ran out of memory while it ran; raise its memory limit/,
    ...outOfMemory,
  },
  {
    name: "python: memory while it is loaded",
    file: ["main.py", "kept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n"],
    settings: { ...python, memoryMiB: 64 },
    ...outOfMemory,
    fnMessage: /./,
    message: /ran out of memory while it started; raise its memory limit/,
  },
  {
    name: "stdio: memory",
    file: ["main.py", "kept = []\nwhile True:\n    kept.append(bytearray(4 << 20))\n"],
    settings: { ...program, memoryMiB: 64 },
    message: /ran out of memory while it ran; raise its memory limit/,
    ...outOfMemory,
  },
  {
    name: "stdio: forks without end",
    file: ["main.py", "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"],
    settings: { ...program, timeoutMs: 1500 },
    message: /longer than its timeout of 1500 ms and was ended/,
    ...timeout,
  },
  {
    name: "stdio: ignores SIGTERM",
    file: [
      "main.py",
      "import os, signal, time\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nif os.fork() == 0:\n    os.setsid()\ntime.sleep(60)\n",
    ],
    settings: { ...program, timeoutMs: 700 },
    message: /longer than its timeout of 700 ms and was ended/,
    ...timeout,
  },
  {
    name: "node: spins",
    file: ["index.js", "process.on('SIGTERM', () => {}); exports.handler = () => { for (;;); }"],
    settings: { ...node, timeoutMs: 700 },
    message: /longer than its timeout of 700 ms and was ended/,
    ...timeout,
  },
  {
    name: "http-port: never answers",
    file: ["main.py", rawServer(onPort, 'b""')],
    settings: { ...server, timeoutMs: 700 },
    message: /longer than its timeout of 700 ms and was ended/,
    ...timeout,
  },
  {
    name: "http-port: garbage",
    file: ["main.py", rawServer(onPort, 'b"this is no HTTP at all\\r\\n\\r\\n"')],
    settings: server,
    message: /./,
    ...protocolBroken,
  },
  {
    name: "http-port: two lengths",
    file: ["main.py", rawServer(onPort, 'b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nContent-Length: 9\\r\\n\\r\\nok"')],
    settings: server,
    message: /[Ll]ength/,
    ...protocolBroken,
  },
  {
    name: "http-port: a head without end",
    file: ["main.py", rawServer(onPort, 'b"HTTP/1.1 200 OK\\r\\n" + b"X-Filler: " + b"x" * 200000')],
    settings: server,
    status: 502,
    code: "response_too_large",
    message: /head/,
    fnMessage: /too large/,
    dead: true,
  },
  {
    name: "http-stream: garbage",
    file: ["main.py", rawServer(onSocket, 'b"\\x00\\xff" * 100 + b"\\r\\n\\r\\n"')],
    settings: kit,
    message: /./,
    ...protocolBroken,
  },
  {
    name: "http-stream: an unknown status",
    file: ["main.py", rawServer(onSocket, 'b"HTTP/1.1 418 Teapot\\r\\nContent-Length: 0\\r\\n\\r\\n"')],
    settings: kit,
    message: /answered status 418; only 200, 502 and 504 are known/,
    ...protocolBroken,
  },
  {
    name: "frames: a program that ends without a word",
    file: ["main", "#!/bin/sh\necho speaking in tongues; exit 4\n"],
    settings: { kind: "native:1", protocol: "frames" },
    message: /exit code 4.*it printed: speaking in tongues/,
    ...startFailed,
  },
  {
    name: "frames: garbage from code that found our connection",
    file: [
      "index.js",
      `const fs = require("node:fs");
exports.handler = () => {
  for (const fd of fs.readdirSync("/proc/self/fd")) {
    try {
      if (fs.readlinkSync("/proc/self/fd/" + fd).startsWith("socket:")) fs.writeSync(Number(fd), "HTTP/1.1 200 OK\\r\\n\\r\\n");
    } catch {}
  }
  return new Promise(() => setInterval(() => {}, 1000));
};`,
    ],
    settings: node,
    message: /runtime broke its contract \(docs\/frames\.md\): it sent what is no frame/,
    ...protocolBroken,
  },
];
