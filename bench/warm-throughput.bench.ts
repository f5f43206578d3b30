import { atLeast, type Bench } from "./bench.ts";
import { measureWarm, warmRounds } from "./parts/warm.ts";

/** Everything, client and all, on the processors of one machine. */
export const bench: Bench = {
  question: "How many warm calls a second at 32 connections beside the function's own server, alone and behind a Go proxy?",
  unit: "calls/s",
  async run() {
    const { kiln, bare, go } = await measureWarm(32);
    const against = (name: string, reference: { readonly callsPerS: number } | undefined, target: number) =>
      reference === undefined ? [] : [atLeast("warm calls", kiln.callsPerS, name, reference.callsPerS, target)];
    return {
      n: warmRounds,
      checks: [...against("the function's own node:http server", bare, 1), ...against("Go proxy + that server", go, 3.5)],
    };
  },
};
