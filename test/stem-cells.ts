import { setTimeout as sleep } from "node:timers/promises";
import type { Platform } from "./platform.ts";

/** So many stem cells are ready, and none is being made. */
export async function cellsReady({ url }: Platform, cells: number): Promise<void> {
  for (const giveUpAt = performance.now() + 60_000; performance.now() < giveUpAt; await sleep(20)) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const count = (state: string) => Number(new RegExp(`^polykiln_stem_cells\\{state="${state}"\\} (\\d+)`, "m").exec(text)?.[1]);
    if (count("ready") >= cells && count("starting") === 0) return;
  }
  throw new Error(`There are no ${cells} stem cells`);
}
