import type { Config } from "../config/config.ts";
import { buildRoots } from "../image/local-images.ts";
import { realWorld } from "../lib/world.ts";

/** Builds ahead what first calls would otherwise wait for: the root file systems of the default kinds. */
export async function build(config: Config): Promise<number> {
  if (config.sandbox === "process") return 0;
  const reports = await buildRoots(["nodejs:24", "python:3.11"], { cacheFolder: config.cache, world: realWorld(), say });
  for (const { kind, bytes, builtMs } of reports)
    say(`${kind}: ${Math.round(bytes / 1024 / 1024)} MiB${builtMs > 0 ? `, built in ${Math.round(builtMs)} ms` : ""}`);
  return 0;
}

function say(message: string): void {
  process.stderr.write(`polykiln: ${message}\n`);
}
