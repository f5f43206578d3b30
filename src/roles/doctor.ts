import type { Config } from "../config/config.ts";
import { inspect } from "../sandbox/bubblewrap/capabilities.ts";

/** Says what this machine has for sandboxes and what is missing, each with its fix. Exits 1 when no sandbox can be started. */
export async function doctor(config: Config, { json }: { readonly json: boolean }): Promise<number> {
  const { usable, missing } = inspect();
  const checks = missing.map(({ what, why, fix }) => ({ what, why, fix }));
  if (json) process.stdout.write(`${JSON.stringify({ usable, data: config.data, cache: config.cache, missing: checks })}\n`);
  else {
    process.stdout.write(`${usable ? "Sandboxes by bubblewrap work here." : "No sandbox by bubblewrap can be started here."}\n`);
    for (const { what, why, fix } of checks) process.stdout.write(`- ${what}\n  ${why}\n  Fix: ${fix}\n`);
    if (checks.length === 0) process.stdout.write("Nothing is missing.\n");
  }
  return usable ? 0 : 1;
}
