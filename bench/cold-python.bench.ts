import { join } from "node:path";
import { python } from "../test/kits.ts";
import { example } from "../test/platform.ts";
import { cellsReady } from "../test/stem-cells.ts";
import { type Bench, compare } from "./bench.ts";
import { measureCold } from "./parts/cold.ts";
import { answersOverSocket } from "./parts/plain.ts";

const rounds = 21;
const parts = join(import.meta.dirname, "parts");
const hello = join(import.meta.dirname, "../examples/hello-python/handler.py");

/** The first call of Python functions that were never called, one at a time, with a pool that is full again before each. */
export const bench: Bench = {
  question: "What does a first call of a Python function cost beside a plain process that loads it and answers over a socket?",
  unit: "ms",
  async run() {
    const [name, text] = example("hello-python");
    const { oursMs, plainMs } = await measureCold({
      rounds,
      settings: { kind: "python:3.11" },
      file: (round) => [name, `${text}# ${round}\n`],
      ready: (platform) => cellsReady(platform, 1),
      plain: () => answersOverSocket(python, [join(parts, "plain-server.py"), hello]),
    });
    return { n: rounds, checks: [compare("first call, p50", oursMs, "plain Python process, p50", plainMs, 0.35)] };
  },
};
