import { readFileSync } from "node:fs";
import { join } from "node:path";
import { goBuild } from "../test/kits.ts";
import { type Bench, compare } from "./bench.ts";
import { measureCold } from "./parts/cold.ts";
import { answersOverSocket } from "./parts/plain.ts";
import { missing } from "./parts/references.ts";

const rounds = 21;

/** The first call of Go functions that were never called, one at a time. */
export const bench: Bench = {
  question: "What does a first call of a Go function cost beside a plain process of the same program that answers over a socket?",
  unit: "ms",
  async run() {
    const program = await goBuild(join(import.meta.dirname, "parts/go-hello")).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
      return missing("Go", "golang-go");
    });
    if (program === null) return { n: 0, checks: [] };
    const binary = readFileSync(program);
    const { oursMs, plainMs } = await measureCold({
      rounds,
      settings: { kind: "go:1", protocol: "frames" },
      archive: () => Promise.resolve(binary),
      plain: () => answersOverSocket(program, []),
    });
    return { n: rounds, checks: [compare("first call, p50", oursMs, "plain Go process, p50", plainMs, 3)] };
  },
};
