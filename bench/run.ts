/** `./kiln bench [NAME...] [--json]`: runs the benches named, or all, and says whether each keeps its target. */
import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";

const { values, positionals } = parseArgs({ options: { json: { type: "boolean" } }, allowPositionals: true });
const known = globSync(join(import.meta.dirname, "*.bench.ts"))
  .map((file) => basename(file, ".bench.ts"))
  .toSorted();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`kiln: no bench ${unknown.join(", ")}; there are ${known.join(", ")}\n`);
  process.exit(2);
}

let allOk = true;
for (const name of positionals.length > 0 ? positionals : known) {
  const { bench } = (await import(`./${name}.bench.ts`)) as { bench: Bench };
  process.stderr.write(`${name}: ${bench.question}\n`);
  const result = await bench.run().catch((error: Error) => error);
  if (result instanceof Error) {
    // The others still have something to say.
    allOk = false;
    process.stderr.write(`${result.stack}\n`);
    process.stdout.write(
      values.json ? `${JSON.stringify({ name, ok: false, error: result.message })}\n` : `FAIL ${name} broke off\n`,
    );
    continue;
  }
  const { n, checks } = result;
  const ok = checks.every((check) => check.ok);
  allOk &&= ok;
  if (values.json)
    process.stdout.write(`${JSON.stringify({ name, unit: bench.unit, n, ok, ratio: checks[0]?.ratio, checks })}\n`);
  else {
    for (const check of checks) {
      process.stdout.write(
        `${check.ok ? "ok  " : "FAIL"} ${check.metric}: ${check.value} ${bench.unit}, ${check.reference}: ${check.referenceValue} ${bench.unit}; ` +
          `ratio ${check.ratio}, target ${check.bound} ${check.target} (n ${n})\n`,
      );
    }
  }
}
process.exit(allOk ? 0 : 1);
