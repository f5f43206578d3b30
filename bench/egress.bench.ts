import { EgressWorld } from "../test/security/egress-world.ts";
import { type Bench, compare } from "./bench.ts";

const rounds = 200;
const list = ["93.184.216.40:80", "public.example:443"];

/** Starts of a shell in a sandbox, by turns without a network, with the internet and with a list, until it prints. */
export const bench: Bench = {
  question: "What does a network add to a start? At most a millisecond.",
  unit: "ms",
  async run() {
    const world = new EgressWorld();
    await world.ready();
    try {
      const order = { do: "measure", count: rounds, kinds: ["none", "internet", list] } as const;
      const [none = 0, internet = 0, listed = 0] = JSON.parse(await world.ask(order)) as number[];
      const reference = ["start without a network, p50, and 1 ms", none + 1] as const;
      return {
        n: rounds,
        checks: [
          compare("start with the internet, p50", internet, ...reference, 1),
          compare("start with a list, p50", listed, ...reference, 1),
        ],
      };
    } finally {
      await world.close();
    }
  },
};
