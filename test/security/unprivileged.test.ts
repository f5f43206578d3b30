/** A server that is not root isolates with what is left to it: user namespaces and limits per process. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Missing } from "../../src/sandbox/bubblewrap/capabilities.ts";
import type { Endpoint, SandboxExit } from "../../src/sandbox/sandbox.ts";
import { Box, cannotIsolate } from "./box.ts";
import type { ServerOrder } from "./server.ts";

interface Result {
  readonly exits: SandboxExit[];
  readonly printed: string[];
  readonly privileged: boolean;
  readonly missing: Missing[];
}

const main = fileURLToPath(new URL("server.ts", import.meta.url));

describe("unprivileged", { skip: cannotIsolate || cannotRead(), timeout: 180_000 }, () => {
  let box: Box;
  /** Of these servers alone: what others have in the machine's own comes and goes. */
  let temporary: string;
  before(() => {
    box = new Box();
    temporary = `${box.folder}/tmp`;
    mkdirSync(temporary);
    chmodSync(temporary, 0o1777);
  });
  after(() => box.close());

  function run(code: string, endpoint: Endpoint = { via: "callback" }, cores?: number[]): Result {
    const { code: folder, command } = box.spec("python3", code);
    const sandboxes = [{ command, endpoint, pause: false, ...(cores && { cores }) }];
    const order: ServerOrder = {
      driver: "bubblewrap",
      stateFile: null,
      root: box.root,
      code: folder as string,
      sandboxes,
      untilEnded: true,
    };
    const args = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath, main, JSON.stringify(order)];
    const env = { ...process.env, TMPDIR: temporary };
    return JSON.parse(execFileSync("setpriv", args, { encoding: "utf8", cwd: "/", env, timeout: 60_000 })) as Result;
  }

  test("code runs, and what is missing is told", () => {
    const { exits, printed, privileged, missing } = run(`print("hello")`);
    assert.deepEqual(exits, [{ code: 0, signal: null, outOfMemory: false }]);
    assert.deepEqual(printed, ["hello\n"]);
    assert.equal(privileged, false);
    assert.ok(missing.some(({ what }) => what.includes("root")));
  });

  test("a fork bomb, a memory bomb and a full /tmp end inside", () => {
    const { printed } = run(`
import os, time
children = 0
try:
    while children < 500:
        if os.fork() == 0:
            time.sleep(600); os._exit(0)
        children += 1
except OSError as error: print("fork", error.errno, children < 40)
try:
    all = []
    for _ in range(2000): all.append(bytearray(8_000_000))
except MemoryError: print("memory"); all = None
try:
    with open("/tmp/big", "wb", buffering=0) as f:
        while True:
            if f.write(bytes(65536)) < 65536: f.write(b"x")
except OSError as error: print("disk", error.errno)
try: open("/function/x", "w")
except OSError as error: print("code", error.errno)`);
    assert.deepEqual(printed, ["fork 11 True\nmemory\ndisk 28\ncode 30\n"]);
  });

  test("it finds us on its own loopback", () => {
    const code = `
import os, socket
host, port = os.environ["OURS"].split(":")
for _ in range(2): socket.create_connection((host, int(port)))
print("connected to", host, sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.islink("/proc/self/fd/" + fd)))`;
    const printed = ["connected to 127.0.0.1 ['0', '1', '2']\n"];
    assert.deepEqual(run(code, { via: "loopback", variable: "OURS" }).printed, printed);
    const others = `import os\nprint(sorted(fd for fd in os.listdir("/proc/self/fd") if os.path.islink("/proc/self/fd/" + fd)))`;
    assert.deepEqual(run(others).printed, ["['0', '1', '2']\n"]);
  });

  test("it sees the processors and the memory that it has", () => {
    const { printed } = run(
      `
import os
print(os.cpu_count(), os.sysconf("SC_NPROCESSORS_ONLN"), *os.sched_getaffinity(0))
print(open("/proc/meminfo").readline().split()[1])`,
      { via: "callback" },
      [0],
    );
    assert.deepEqual(printed.join("").split("\n"), ["1 1 0", "131072", ""]);
  });

  test("nothing is left", () => {
    assert.deepEqual(readdirSync(temporary), []);
  });
});

/** The sources may be where nobody else may read. */
function cannotRead(): string | false {
  try {
    execFileSync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "cat", main, process.execPath], {
      stdio: "ignore",
      timeout: 5000,
    });
    return false;
  } catch {
    return "another user cannot read the sources";
  }
}
