/** Waits for what a measurement before has left the machine to do. Linux only: it reads /proc. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const lookMs = 300;
const busyMax = 0.1;

/** Resolves when the processors had next to nothing to do for a moment, or after `msMax`. */
export async function untilQuiet(msMax: number): Promise<void> {
  const giveUpAt = performance.now() + msMax;
  for (let before = ticks(); performance.now() < giveUpAt; ) {
    await sleep(lookMs);
    const now = ticks();
    if (now.busy - before.busy <= busyMax * (now.all - before.all)) return;
    before = now;
  }
}

/** Of all processors together, since the machine started. */
function ticks(): { readonly busy: number; readonly all: number } {
  const [user = 0, nice = 0, system = 0, idle = 0, waits = 0, hard = 0, soft = 0] = (
    readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? ""
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const busy = user + nice + system + hard + soft;
  return { busy, all: busy + idle + waits };
}
