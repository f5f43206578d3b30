import { existsSync, rmSync } from "node:fs";

const triesMax = 5;

/**
 * Removes the folder of a sandbox. The driver removes its socket in there at the same moment, and `rmSync` with `force` that finds one
 * thing gone takes all to be gone: it then leaves the rest without a word.
 */
export function removeFolder(folder: string): void {
  for (let tries = 0; tries < triesMax && existsSync(folder); tries++) rmSync(folder, { recursive: true, force: true });
}
