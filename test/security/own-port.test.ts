/** The port on which a program finds us in its own network is made inside of its sandbox: what that leaves to the program, and to us. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Egress } from "../../src/model/model.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { Box, boxLimits, cannotIsolate, soon } from "./box.ts";

const endpoint = { via: "loopback", variable: "OURS" } as const;
const openMax = 256;

const tellsItsFiles = `
import json, os, socket
def at(pid):
    try: return sorted(os.readlink("/proc/%s/fd/%s" % (pid, fd)).split(":")[0] for fd in os.listdir("/proc/%s/fd" % pid) if os.path.islink("/proc/%s/fd/%s" % (pid, fd)))
    except OSError as error: return [type(error).__name__]
own = [int(fd) for fd in os.listdir("/proc/self/fd") if os.path.islink("/proc/self/fd/" + fd)]
try: socket.socket().bind(("127.0.0.1", 9001)); bound = "bound"
except OSError as error: bound = error.errno
print(json.dumps({"own": sorted(own), "first": at(1), "bound": bound, "ours": os.environ["OURS"], "connects": socket.create_connection(("127.0.0.1", 9001)) is not None}))`;

describe("the port of a sandbox's own", { skip: cannotIsolate, timeout: 120_000 }, () => {
  let box: Box;
  before(() => {
    box = new Box();
  });
  after(() => box.close());

  for (const egress of ["none", "internet"] satisfies Egress[])
    test(`with egress ${egress} the program has nothing of how it was made`, async () => {
      checkTold(await box.ask("python3", tellsItsFiles, { endpoint, egress }));
    });

  test("nor where its sandbox was finished beforehand", async () => {
    const places = mkdtempSync(join(tmpdir(), "own-port-"));
    const own = new Box({ placesFolder: `${places}/places` });
    try {
      for (let turn = 0, wereFinished = 0; wereFinished < 2; turn++) {
        let printed = "";
        const output = (_stream: string, data: Buffer) => {
          printed += data.toString();
        };
        const spec = { ...own.spec("python3", tellsItsFiles), command: ["/bin/python3", "/function/main.txt"] };
        const more = { env: {}, egress: "none", endpoint, limits: boxLimits, output } as const;
        const sandbox = await own.driver.create({ ...spec, ...more });
        await sandbox.exited;
        await sandbox.stop();
        checkTold(JSON.parse(printed));
        wereFinished += Number(sandbox.finished);
        assert.ok(turn < 20, "none was finished beforehand");
        await sleep(50);
      }
    } finally {
      await own.close();
      rmSync(places, { recursive: true });
    }
  });

  test("programs that are looked up, and that are not there, are told as such", async () => {
    assert.match((await box.run("sh", "echo $0 is here", { endpoint })).stdout, /is here/);
    const { command: _, ...spec } = box.spec("sh", "");
    const limits = { memoryMiB: 128, processesMax: 32, openFilesMax: 64, tmpMiB: 1, tmpFilesMax: 50 };
    for (const program of ["/no/such/program", "no-such-program"]) {
      let printed = "";
      const output = (_stream: string, data: Buffer) => {
        printed += data.toString();
      };
      const more = { id: `none-${program.length}`, env: {}, egress: "none", endpoint, limits, output } as const;
      const sandbox = await box.driver.create({ ...spec, ...more, command: [program] });
      assert.equal((await sandbox.exited).code, 127);
      assert.match(printed, /no.such.program/);
      await sandbox.stop();
    }
  });

  test("forty sandboxes leave no descriptor, also those that are stopped before they have a port", async () => {
    const stay = `import os, socket, time\nopen = [socket.create_connection(("127.0.0.1", 9001)) for _ in range(3)]\ntime.sleep(600)`;
    const one = async (wanted: number) => {
      const sandbox = await box.start("python3", stay, { endpoint });
      for (let n = 0; n < wanted; n++) await connected(sandbox);
      await sandbox.stop();
    };
    await one(3);
    const atFirst = descriptors();
    for (let round = 0; round < 10; round++) await Promise.all([0, 0, 1, 3].map(one));
    await soon("all descriptors are closed", () => descriptors() <= atFirst);
  });

  test("one that connects without end gets no more than its part, and its neighbour is served", async () => {
    const flood = `
import socket
open = []
try:
    while True:
        one = socket.socket(); one.settimeout(20); one.connect(("127.0.0.1", 9001)); open.append(one)
        if len(open) > 500: open.pop(0).close()
except OSError: pass`;
    const flooding = await box.start("python3", flood, { endpoint, limits: { openFilesMax: 1024 } });
    await connected(flooding);
    const beganAt = performance.now();
    const neighbour = await box.start("python3", `import socket\nprint(socket.create_connection(("127.0.0.1", 9001)).recv(9))`, {
      endpoint,
    });
    const socket = await connected(neighbour);
    socket.end("served");
    await neighbour.exited;
    assert.match(neighbour.read(), /served/);
    assert.ok(performance.now() - beganAt < 20_000);
    assert.ok(readdirSync("/proc/self/fd").length < openMax + 100);
    await Promise.all([flooding.stop(), neighbour.stop()]);
  });
});

interface Told {
  readonly first: readonly string[];
}

function checkTold({ first, ...others }: Told): void {
  const addressInUse = 98;
  assert.deepEqual(others, { own: [0, 1, 2], bound: addressInUse, ours: "127.0.0.1:9001", connects: true });
  for (const each of first) assert.match(each, /^(anon_inode|\/tmp\/kiln-[^/]*\/pipes\/.*|PermissionError)$/);
}

async function connected(sandbox: Sandbox): Promise<Socket> {
  const socket = (await sandbox.connect(AbortSignal.timeout(20_000))) as Socket;
  return socket.on("error", () => {}).resume();
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
