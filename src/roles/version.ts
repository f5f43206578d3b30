import { readFileSync } from "node:fs";

/** Of the package, as `/version` tells it. */
export const version = (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string })
  .version;
