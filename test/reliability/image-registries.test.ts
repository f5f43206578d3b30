/**
 * Registries that stall, lie about what they send, or send more than the disk takes, under Docker and unpacked alike: the caller reads why, other
 * functions are served, and once it is over so is this one.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTar } from "../archives.ts";
import { type Answer, call } from "../client.ts";
import { imageFunction } from "../docker.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry, storedBlob } from "../image-registry.ts";
import { baseLayer, httpStream, type ImagePlatform, nodeAndShell, noWay, startImagePlatform, ways } from "../image-ways.ts";
import { makeImage, pushImage, type TestImage } from "../images.ts";
import { layersOf, slowRegistry } from "../slow-registry.ts";

const giveUpMs = 120_000;
const pullTimeoutMs = 20_000;
/** Of the base and the small images, and not of the large one. */
const diskMiB = 400;

describe("registries of images that go wrong", { skip: noImageRegistry ?? false, concurrency: 2, timeout: 600_000 }, () => {
  const images: Partial<Record<string, TestImage>> = {};
  let registry: ImageRegistry;

  before(async () => {
    registry = await startImageRegistry();
    const base = baseLayer(nodeAndShell);
    const program = { name: "func.cjs", data: httpStream('response.end("served");') };
    const config = { Env: ["PATH=/bin"], Entrypoint: ["node", "/func.cjs"] };
    for (const [tag, data] of Object.entries({
      good: Buffer.from("good"),
      lies: Buffer.from("what was asked for"),
      stalls: Buffer.from("what comes late"),
      next: Buffer.from("what still fits"),
      large: randomBytes(diskMiB * 1024 * 1024),
    })) {
      const layers = [base, makeTar([program, { name: "data", data }])];
      images[tag] = makeImage(layers, config, { docker: true, compression: tag === "large" ? "none" : "gzip" });
      await pushImage(`${registry.host}/shelf:${tag}`, images[tag] as TestImage);
    }
  });
  after(() => registry?.stop());

  for (const way of ways) {
    const skip = noWay(way) || (process.getuid?.() !== 0 ? "a small disk is mounted as root" : false);
    describe(way, { skip }, () => {
      const data = mkdtempSync(join(tmpdir(), "small-disk-"));
      let on: ImagePlatform;
      let good: () => Promise<Answer>;

      before(async () => {
        // Images are beside all else that a server keeps.
        mkdirSync(join(data, "images"));
        if (way === "unpacked") execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskMiB}m`, "none", join(data, "images")]);
        const env = { POLYKILN_PULL_TIMEOUT_MS: String(pullTimeoutMs), POLYKILN_START_TIMEOUT_MS: "60000" };
        on = await startImagePlatform(way, { data, env, diskMiB });
        good = await functionOf(registry.host, "good");
        // The base of all of them is pulled for this call, which a busy machine may not do in the time that is short on purpose.
        await until(good);
      });
      after(async () => {
        await on?.stop();
        if (way === "unpacked") execFileSync("umount", ["--lazy", join(data, "images")]);
        rmSync(data, { recursive: true, force: true });
      });

      async function functionOf(host: string, tag: string) {
        const id = await imageFunction(on.platform.url, tag, `${host}/shelf:${tag}`);
        return () => call(`${on.platform.url}/invoke/${id}`, "x");
      }

      test("it lies about a layer", async () => {
        const image = images["lies"] as TestImage;
        const file = storedBlob(registry, image.blobs.at(-1)?.digest as string);
        const bytes = readFileSync(file);
        // Of the same length, and still something that can be unpacked: the time in the head of gzip.
        writeFileSync(file, Buffer.from(bytes).fill(0x77, 4, 5));
        const lies = await functionOf(registry.host, "lies");
        assertFailed(
          await lies(),
          502,
          /^Failed to pull image '127\.0\.0\.1:\d+\/shelf:lies': .*(another blob|verification failed|digest)/,
        );
        await assertServed(good);
        writeFileSync(file, bytes);
        await until(lies);
      });

      test("it stalls", async () => {
        const image = images["stalls"] as TestImage;
        const slow = await slowRegistry(registry.host, layersOf(image));
        try {
          const stalls = await functionOf(slow.host, "stalls");
          const waiting = stalls();
          await assertServed(good);
          assertFailed(await waiting, 504, /^Image pull timed out$/);
          slow.go();
          await until(stalls);
        } finally {
          await slow.stop();
        }
      });

      test("what it sends is more than the disk takes", async () => {
        const large = await functionOf(registry.host, "large");
        assertFailed(
          await large(),
          502,
          /^Failed to pull image '127\.0\.0\.1:\d+\/shelf:large': .*(disk of this server is full|no space left)/,
        );
        await assertServed(good);
        await until(await functionOf(registry.host, "next"));
      });
    });
  }
});

function assertFailed(answer: Answer, status: number, message: RegExp): void {
  assert.equal(answer.status, status, answer.text);
  assert.match(String(answer.json["message"]), message);
  assert.match(answer.headers.get("fn-call-id") ?? "", /^[0-9A-Z]{26}$/);
}

async function assertServed(ask: () => Promise<Answer>): Promise<void> {
  const { status, text } = await ask();
  assert.deepEqual([status, text], [200, "served"]);
}

/** At last: an engine remembers a failure for a moment. */
async function until(ask: () => Promise<Answer>): Promise<void> {
  for (const giveUpAt = performance.now() + giveUpMs; ; await sleep(500)) {
    const { status, text } = await ask();
    if (status === 200) return assert.equal(text, "served");
    assert.ok(performance.now() < giveUpAt, text);
  }
}
