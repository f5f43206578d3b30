/** Runtimes that got their code after a rehearsal behave as those that were started with it. */
import { join } from "node:path";
import { sharedCases } from "./runtime-cases.ts";
import { check, type Runtime } from "./runtimes.ts";

const runtimes = join(import.meta.dirname, "../../runtimes");
const node: Runtime = { name: "node cell", command: [process.execPath, join(runtimes, "nodejs/main.cjs")], isCell: true };
const python: Runtime = { name: "python cell", command: ["/usr/bin/python3", join(runtimes, "python/main.py")], isCell: true };

for (const { node: script, python: module, ...given } of sharedCases) {
  check(node, { ...given, code: typeof script === "string" ? { "index.js": script } : script });
  check(python, { ...given, code: typeof module === "string" ? { "handler.py": module } : module });
}
