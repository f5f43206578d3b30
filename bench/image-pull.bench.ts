import { randomFillSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTar } from "../test/archives.ts";
import { call } from "../test/client.ts";
import { imageFunction } from "../test/docker.ts";
import { noImageRegistry, startImageRegistry } from "../test/image-registry.ts";
import { makeImage, pushImage } from "../test/images.ts";
import { type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median } from "./bench.ts";
import { withOpen } from "./parts/open.ts";
import { childrenOf, heldMiB } from "./parts/processes.ts";

const imageMiB = 500;
const files = 10_000;
const layers = 5;
const rounds = 3;
const promisedMiB = 150;
/** Once started it has nothing to do; what it read for its start is no part of this. */
const settleMs = 3000;
const lookEveryMs = 25;

/**
 * The server, and what it starts of its own to pull: how much more memory than before all of that holds at its highest. What processes share counts once
 * (PSS); pages of files that the kernel can drop are only those of programs.
 */
export const bench: Bench = {
  question: `How much memory does the platform take while it pulls and unpacks an image of ${imageMiB} MB?`,
  unit: "MiB",
  async run() {
    if (noImageRegistry !== undefined) throw new Error(noImageRegistry);
    return await withOpen(async (keep) => {
      const registry = keep(await startImageRegistry());
      const name = `${registry.host}/large:1`;
      await pushImage(name, largeImage());
      const peaks: Peak[] = [];
      for (let round = 0; round < rounds; round++) peaks.push(await pulled(name));
      const anonymous = median(peaks.map((peak) => peak.anonymousMiB));
      process.stderr.write(`kiln: of that, without pages of files: ${Math.round(anonymous)} MiB\n`);
      const more = median(peaks.map((peak) => peak.allMiB));
      return { n: rounds, checks: [compare("most memory during a pull", more, "promised", promisedMiB, 1)] };
    });
  },
};

interface Peak {
  readonly allMiB: number;
  readonly anonymousMiB: number;
}

/** Half of it can be compressed. Its program is not there: nothing of it is to run. */
function largeImage() {
  const bytes = (imageMiB * 1_000_000) / files;
  const layerOf = (layer: number) =>
    makeTar(
      Array.from({ length: files / layers }, (_, index) => {
        const data = Buffer.alloc(bytes, 0x20);
        randomFillSync(data, 0, bytes / 2);
        return { name: `usr/share/layer-${layer}/folder-${index % 50}/file-${index}`, data };
      }),
    );
  return makeImage(
    Array.from({ length: layers }, (_, layer) => layerOf(layer)),
    { Cmd: ["/nothing"] },
  );
}

async function pulled(name: string): Promise<Peak> {
  const platform = await startPlatform();
  try {
    await sleep(settleMs);
    const others = new Set(childrenOf(platform.pid));
    const before = heldMiB([platform.pid]);
    const peak = { allMiB: 0, anonymousMiB: 0 };
    const work = { isDone: false };
    const answer = firstCall(platform, name).finally(() => {
      work.isDone = true;
    });
    while (!work.isDone || childrenOf(platform.pid).some((pid) => !others.has(pid))) {
      const now = heldMiB([platform.pid, ...childrenOf(platform.pid).filter((pid) => !others.has(pid))]);
      peak.allMiB = Math.max(peak.allMiB, now.allMiB - before.allMiB);
      peak.anonymousMiB = Math.max(peak.anonymousMiB, now.anonymousMiB - before.anonymousMiB);
      await sleep(lookEveryMs);
    }
    await answer;
    return peak;
  } finally {
    await platform.stop();
  }
}

/** Waits for the pull, and is told then that there is nothing to start. */
async function firstCall({ url }: Platform, name: string): Promise<void> {
  const answer = await call(`${url}/invoke/${await imageFunction(url, "large", name)}`, {});
  if (!answer.text.includes("has no such program")) throw new Error(`Unexpected answer: ${answer.status} ${answer.text}`);
}
