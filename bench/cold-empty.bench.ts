import { example } from "../test/platform.ts";
import { type Bench, compare } from "./bench.ts";
import { measureCold } from "./parts/cold.ts";
import { reportDockerRun } from "./parts/docker.ts";
import { plainNodeStart } from "./parts/plain.ts";

const rounds = 21;

/** The first call of functions that were never called, one at a time, on a server that keeps no stem cells. */
export const bench: Bench = {
  question: "What does a cold call without stem cells cost beside starting the handler as a plain node process?",
  unit: "ms",
  async run() {
    const { oursMs, plainMs } = await measureCold({
      rounds,
      env: { POLYKILN_STEM_CELLS: "none" },
      file: (round) => withMark(example("hello-node"), `// ${round}`),
      plain: () => plainNodeStart(),
    });
    await reportDockerRun();
    return { n: rounds, checks: [compare("cold call, p50", oursMs, "plain node start, p50", plainMs, 1.3)] };
  },
};

/** No two functions have the same code. */
function withMark([name, text]: readonly [string, Buffer], mark: string): readonly [string, string] {
  return [name, `${text}${mark}\n`];
}
