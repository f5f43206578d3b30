/** A disk that takes a few writes a second: what the kernel's throttle of a control group makes of a file system in a file. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../src/model/limits.ts";
import { call, recordOf } from "../client.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type Platform, startPlatform } from "../platform.ts";

const throttles = "/sys/fs/cgroup/blkio";
const why =
  process.platform !== "linux" || process.getuid?.() !== 0
    ? "needs root, to mount a disk"
    : ![join(throttles, "cgroup.procs"), "/dev/loop-control", "/sbin/mkfs.ext4"].every((path) => existsSync(path))
      ? "needs mkfs.ext4, loop devices and the controller blkio of control groups version 1"
      : undefined;
const writesASecond = 5;
const giveUpMs = 120_000;
const bodyBytes = 1024 * 1024;
/** Twice of what may be in memory at a time until it is on the disk. */
const calls = (2 * 4 * limits.requestBytesMax) / bodyBytes;

/** A disk of its own, which can be made slow for a process. */
class SlowDisk {
  readonly #folder = mkdtempSync(join(tmpdir(), "kiln-slow-"));
  readonly data = join(this.#folder, "data");
  readonly #group = join(throttles, `kiln-slow-${process.pid}`);
  readonly #device: string;

  constructor() {
    const image = join(this.#folder, "image");
    writeFileSync(image, "");
    truncateSync(image, 2 * 1024 * 1024 * 1024);
    run("mkfs.ext4", ["-q", image]);
    mkdirSync(this.data);
    run("mount", ["-o", "loop", image, this.data]);
    this.#device = run("findmnt", ["-no", "MAJ:MIN", this.data]).trim();
    mkdirSync(this.#group);
  }

  /** Whatever the process writes waits for its turn; 0: no longer. */
  throttle(pid: number, writes: number): void {
    writeFileSync(join(this.#group, "blkio.throttle.write_iops_device"), `${this.#device} ${writes}`);
    writeFileSync(join(this.#group, "cgroup.procs"), String(pid));
  }

  async remove(): Promise<void> {
    await untilDone(() => run("umount", [this.data]));
    await untilDone(() => rmdirSync(this.#group));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What has just ended may still be in the way. */
async function untilDone(step: () => unknown): Promise<void> {
  for (let left = 600; ; left--) {
    try {
      step();
      return;
    } catch (error) {
      if (left === 0) throw error;
    }
    await sleep(50);
  }
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", timeout: 30_000 });
}

const source = `exports.handler = async (event) => (Buffer.isBuffer(event) ? event.length : 0);`;

test("a slow disk slows accepting down and refuses what memory has no room for; what was accepted is kept", {
  skip: why,
  timeout: 400_000,
}, async (t) => {
  const disk = new SlowDisk();
  let platform: Platform | undefined;
  try {
    platform = await startPlatform({ data: disk.data, env: inspectable });
    const { invokeUrl } = await platform.deploy({ name: "f", file: ["index.js", source] });
    const later = `${new URL(invokeUrl).pathname}?wait=none`;
    assert.equal((await call(invokeUrl, {})).status, 200);
    const before = await liveMiB(platform);
    disk.throttle(platform.pid, writesASecond);

    const answers: Answer[] = [];
    const body = Buffer.alloc(bodyBytes, 1);
    const all = Promise.all(
      Array.from({ length: calls }, async () => answers.push(await post(`${platform?.url}${later}`, body))),
    );
    const refused = () => answers.filter(({ status }) => status !== 202);
    const giveUpAt = performance.now() + giveUpMs;
    while (refused().length === 0) {
      assert.ok(answers.length < calls && performance.now() < giveUpAt, `${answers.length} were answered, none refused`);
      await sleep(20);
    }
    for (const { status, text } of refused()) assert.deepEqual([status, JSON.parse(text).details.limit], [503, "acceptBytes"]);
    assert.equal((await call(invokeUrl, {})).status, 200, "who waits for an answer does not wait for the disk");
    const beside = await liveMiB(platform);
    const inTime = answers.length - refused().length;
    t.diagnostic(`live memory ${before} MiB, ${beside} MiB with ${calls} MiB on their way; ${inTime} were accepted by then`);
    const roomMiB = (4 * limits.requestBytesMax) / 1_048_576;
    // Its bodies, those that are on their way to the database's thread, and what their sockets have read.
    assert.ok(beside < before + 2 * roomMiB, `${beside} MiB`);

    disk.throttle(platform.pid, 0);
    await all;
    const accepted = answers.flatMap(({ status, activationId }) => (status === 202 ? [activationId] : []));
    t.diagnostic(`${accepted.length} were accepted, ${refused().length} refused`);
    assert.ok(accepted.length > 0 && refused().length > 0);

    disk.throttle(platform.pid, writesASecond);
    const small = await Promise.all(Array.from({ length: 8 }, () => post(`${platform?.url}${later}`, Buffer.from("{}"))));
    assert.deepEqual(new Set(small.map(({ status }) => status)), new Set([202]));
    await platform.crash();
    platform = await startPlatform({ data: disk.data });
    for (const id of [...accepted, ...small.map(({ activationId }) => activationId)]) {
      let { status } = await recordOf(platform.url, id);
      for (; status !== "success" && performance.now() < giveUpAt + giveUpMs; { status } = await recordOf(platform.url, id))
        await sleep(20);
      assert.equal(status, "success");
    }
  } finally {
    await platform?.stop();
    await disk.remove();
  }
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly activationId: string;
}

/** On a connection of its own; the body is not copied. */
function post(url: string, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/octet-stream", "content-length": body.length };
    const asked = request(url, { method: "POST", headers, agent: new Agent(), timeout: 2 * giveUpMs }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      const activationId = String(response.headers["kiln-activation-id"] ?? "");
      resolve({ status: response.statusCode ?? 0, text, activationId });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
