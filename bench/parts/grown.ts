import type { Load } from "./load.ts";

/** Calls that wait make a server start more sandboxes, until there are as many as there may be. The function is `test/functions/fdk-node`. */
export async function grown(port: number, load: Load, path: string, sandboxes: number): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const body = JSON.stringify({ sleepMs: 500 });
    const { tookMs } = await load.run({ port, paths: [path], connections: sandboxes, body, forMs: 0 });
    // All at the same time, so each in a sandbox of its own.
    if (tookMs < 900) return;
  }
  throw new Error(`There are no ${sandboxes} sandboxes`);
}
