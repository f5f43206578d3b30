import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits; resolves early, with false, when `signal` aborts. Unlike `World.after` it keeps the process alive, which a client that waits
 * for the next look needs.
 */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
