import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What `package.json` of a folder calls main; undefined: nothing, or there is none. */
export function packageMain(folder: string): string | undefined {
  try {
    const { main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { main?: unknown };
    return typeof main === "string" && main !== "" ? main.replace(/^\.\//, "") : undefined;
  } catch {
    // Node says it better when it starts.
    return undefined;
  }
}
