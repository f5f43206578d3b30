import { type Bench, compare } from "./bench.ts";
import { measureWarm, warmRounds } from "./parts/warm.ts";

/** User and system time of every process that takes part but the client: server, spawner and sandbox; proxy and the function's server. */
export const bench: Bench = {
  question: "What does a warm call at 32 connections cost in CPU beside the function's own server, alone and behind proxies?",
  unit: "us",
  async run() {
    const { kiln, bare, go, nginx } = await measureWarm(32);
    const against = (name: string, reference: { readonly cpuUs: number } | undefined, target: number) =>
      reference === undefined ? [] : [compare("CPU of a warm call", kiln.cpuUs, `CPU of ${name}`, reference.cpuUs, target)];
    return {
      n: warmRounds,
      checks: [
        ...against("the function's own node:http server", bare, 1.2),
        ...against("Go proxy + that server", go, 0.3),
        ...against("nginx + that server", nginx, 0.7),
      ],
    };
  },
};
