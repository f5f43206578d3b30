/** What code in a container of ours can do and see: asked from inside, with everything an image could want. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { realWorld } from "../../src/lib/world.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/driver.ts";
import { DockerDriver } from "../../src/sandbox/docker/driver.ts";
import type { SandboxSpec } from "../../src/sandbox/sandbox.ts";
import { readState } from "../../src/sandbox/spawner/state.ts";
import { importFolder, noDocker, startEngine, type TestEngine } from "../docker.ts";
import { makeRoot } from "../root-folder.ts";
import { readOr, soon } from "./box.ts";
import { cannotNetwork } from "./egress-world.ts";

/** Each answers with a word or a number; an error answers with its code. */
const questions = {
  user: "process.getuid() + ':' + process.getgid() + ':' + process.getgroups()",
  capabilities: "status('CapEff') + status('CapBnd')",
  privileges: "status('NoNewPrivs') + status('Seccomp')",
  root: "fs.writeFileSync('/bin/new', '')",
  home: "fs.writeFileSync(process.env.HOME + '/x', '') ?? 'ok'",
  platformFolder: "fs.writeFileSync('/run/kiln/x', '')",
  socketFolder: "fill('/tmp/iofs', 64)",
  socketFiles: "many('/tmp/iofs', 1000)",
  tmp: "fill('/tmp', 64)",
  tmpFiles: "many('/tmp', 1000)",
  shm: "fill('/dev/shm', 64)",
  files: "files()",
  network: "Object.keys(os.networkInterfaces()).join()",
  processes: "fs.readdirSync('/proc').filter((name) => name > 0 && name < 99999).length < 5",
  hostname: "os.hostname()",
  cores: "fs.readFileSync('/proc/sys/kernel/core_pattern', 'utf8').length > 0 && limit('Max core file size')",
  processorsSeen: "os.availableParallelism()",
  groups: "fs.readFileSync('/proc/self/cgroup', 'utf8').includes('docker')",
};

const program = `
const fs = require("node:fs"), os = require("node:os");
const status = (name) => fs.readFileSync("/proc/self/status", "utf8").match(new RegExp(name + ":\\\\s*(\\\\S+)"))[1] + " ";
const limit = (name) => fs.readFileSync("/proc/self/limits", "utf8").match(new RegExp(name + " +(\\\\d+)"))[1];
function fill(folder, mib) {
  const file = folder + "/fill", bytes = Buffer.alloc(1 << 20);
  try {
    const fd = fs.openSync(file, "w");
    for (let i = 0; i < mib; i++) for (let left = bytes.length; left > 0; ) left -= fs.writeSync(fd, bytes, 0, left);
    return "all of it";
  } finally { fs.rmSync(file, { force: true }); }
}
function many(folder, count) {
  try {
    for (let i = 0; i < count; i++) fs.writeFileSync(folder + "/many-" + i, "");
    return "all of them";
  } finally { for (let i = 0; i < count; i++) fs.rmSync(folder + "/many-" + i, { force: true }); }
}
function files() {
  const open = [];
  try { for (;;) open.push(fs.openSync("/bin/node", "r")); } finally { for (const fd of open) fs.closeSync(fd); }
}
const answers = {};
for (const [name, ask] of Object.entries({ ${Object.entries(questions)
  .map(([name, code]) => `${name}: () => ${code}`)
  .join(", ")} })) {
  try { answers[name] = ask(); } catch (error) { answers[name] = error.code; }
}
require("node:net").connect(process.env.KILN_SOCKET ?? "/x").on("error", () => {}).end(JSON.stringify(answers));
if (process.env.KILN_SOCKET === undefined) console.log(JSON.stringify(answers));
`;

describe("a container of docker", { skip: noDocker, timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "docker-security-"));
  let engine: TestEngine;
  let driver: DockerDriver;
  let image: string;

  before(async () => {
    engine = await startEngine();
    makeRoot(folder);
    writeFileSync(`${folder}/ask.cjs`, program);
    await importFolder(engine.engine, folder, "ask:1", ["USER root", "ENV SECRET=of-the-image", 'HEALTHCHECK CMD ["/bin/node"]']);
    image = (await engine.engine.image("ask:1")).Id;
    const options = { world: realWorld(), engine: engine.engine, warn: () => {}, network: "none", networks: null, shared: null };
    driver = new DockerDriver({ ...options, idFile: `${engine.folder}/id` });
  });
  after(async () => {
    await driver?.close();
    await engine?.remove();
    rmSync(folder, { recursive: true });
  });

  const limits = { memoryMiB: 256, cores: [0], processesMax: 32, openFilesMax: 128, tmpMiB: 16, tmpFilesMax: 100 };
  const spec = (more: Partial<SandboxSpec>): SandboxSpec => ({
    id: "ask",
    root: null,
    image,
    code: null,
    runtime: null,
    command: ["node", "/ask.cjs"],
    env: {},
    egress: "internet",
    limits,
    endpoint: { via: "callback" },
    output: () => {},
    ...more,
  });

  test("it has no rights, no network, and limits on all that it can fill", async () => {
    const sandbox = await driver.create(spec({}));
    const connection: Duplex = await sandbox.connect(AbortSignal.timeout(30_000));
    const answers = JSON.parse(await text(connection)) as Record<keyof typeof questions, unknown>;
    await sandbox.stop();
    assert.deepEqual(answers, {
      user: "1000:1000:1000",
      capabilities: "0000000000000000 0000000000000000 ",
      privileges: "1 2 ",
      root: "EROFS",
      home: "ok",
      platformFolder: "EROFS",
      socketFolder: "ENOENT",
      socketFiles: "ENOENT",
      tmp: "ENOSPC",
      tmpFiles: "ENOSPC",
      shm: "ENOSPC",
      files: "EMFILE",
      network: "lo",
      processes: true,
      hostname: "function",
      cores: "0",
      processorsSeen: 1,
      groups: false,
    });
  });

  test("a container whose network is lost ends, and the next one has one again", { skip: cannotNetwork }, async () => {
    const stateFile = `${engine.folder}/sandboxes.json`;
    const files = bubblewrapDriver({ world: realWorld(), warn: () => {}, stateFile });
    const options = { world: realWorld(), engine: engine.engine, warn: () => {}, network: "none", shared: null };
    const guarded = new DockerDriver({ ...options, idFile: `${engine.folder}/guarded`, networks: files.networks ?? null });
    try {
      let printed = "";
      const command = ["node", "-e", "console.log(Object.keys(os.networkInterfaces()).join()); setInterval(() => {}, 1000)"];
      const start = (id: string) =>
        guarded.create(spec({ id, command, output: (_stream, data) => (printed += data.toString()) }));
      const first = await start("first");
      await soon("it prints", () => printed.includes("\n"), 30_000);
      assert.equal(printed, "lo,eth0\n");
      const { pid } = spawnerOf(stateFile);
      process.kill(pid, "SIGKILL");
      assert.equal((await first.exited).signal, "SIGKILL");
      await first.stop();
      const second = await start("second");
      await soon("it prints", () => printed.split("\n").length === 3, 30_000);
      assert.equal(printed, "lo,eth0\nlo,eth0\n");
      await second.stop();
    } finally {
      await guarded.close();
      await files.close();
    }
  });

  test("the folder for its socket is of a size that harms nobody", async () => {
    let printed = "";
    const endpoint = { via: "unix", folder: "/tmp/iofs", name: "lsnr.sock" } as const;
    const sandbox = await driver.create(spec({ id: "flood", endpoint, output: (_stream, data) => (printed += data.toString()) }));
    await sandbox.exited;
    await sandbox.stop();
    const { socketFolder, socketFiles } = JSON.parse(printed) as Record<keyof typeof questions, unknown>;
    assert.deepEqual([socketFolder, socketFiles], ["ENOSPC", "ENOSPC"]);
  });
});

/** Below this process. */
function spawnerOf(stateFile: string): { readonly pid: number } {
  const { runFolder = "" } = readState(stateFile) ?? {};
  const children = readOr(`/proc/${process.pid}/task/${process.pid}/children`).split(" ").filter(Boolean).map(Number);
  const pid = children.find((child) => readOr(`/proc/${child}/cmdline`).includes(runFolder));
  assert.ok(pid !== undefined && runFolder !== "", "there is a spawner");
  return { pid };
}
