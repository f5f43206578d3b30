import { type Bench, compare } from "./bench.ts";
import { measureWarm, warmRounds } from "./parts/warm.ts";

/** One call after the other on one connection. */
export const bench: Bench = {
  question: "How long does a warm call at 1 connection take beside the function's own server, alone and behind nginx?",
  unit: "ms",
  async run() {
    const { kiln, bare, nginx } = await measureWarm(1);
    const against = (name: string, reference: { readonly p50Ms: number } | undefined, target: number) =>
      reference === undefined ? [] : [compare("warm call, p50", kiln.p50Ms, `${name}, p50`, reference.p50Ms, target)];
    return {
      n: warmRounds,
      checks: [...against("the function's own node:http server", bare, 2.1), ...against("nginx + that server", nginx, 1.2)],
    };
  },
};
