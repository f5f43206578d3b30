import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { firstNamespace } from "../auth/keys.ts";

/** Makes the folder where it is missing; for its owner only. */
export function openFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** The first namespace's credential lives beside the store, readable by its owner alone. `made`: it is new. Empty when it was moved away. */
export function keepCredential(data: string, made: string | null): string {
  const file = join(data, `${firstNamespace}.key`);
  if (made !== null) {
    writeFileSync(file, `${made}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
    return made;
  }
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    // The owner moved it away; keys still work for those who have them.
    return "";
  }
}
