import { type Platform, startPlatform } from "../test/platform.ts";
import { putAction } from "../test/whisk.ts";
import { type Bench, compare } from "./bench.ts";
import { type LaneRequest, measureLanes } from "./parts/lanes.ts";
import { withOpen } from "./parts/open.ts";

const times = { rounds: 9, callsARound: 200, warmUpCalls: 1500 };
/** Steps of the two conductors: what they differ in is what steps cost, without what the call around them does. */
const [few, many] = [1, 5];
/** What a step of a conductor may cost beside the call of the function and that of the conductor's code, in ms. */
const stepOverheadMs = 0.5;

/** Blocking calls of OpenWhisk's door at one connection: one action, a sequence of three of it, and conductors that call it. */
export const bench: Bench = {
  question: "What does a sequence of 3 cost beside one call, and a step of a conductor beside its two calls?",
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const platform = keep(await startPlatform());
      await putAction(platform, "one", { exec: nodejs("function main({ n = 0 }) { return { n: n + 1 }; }") });
      const components = Array<string>(3).fill("/_/one");
      await putAction(platform, "three", { exec: { kind: "sequence", components } });
      for (const steps of [few, many]) await putConductor(platform, steps);
      const requests = ["one", "three", `steps${few}`, `steps${many}`].map((name) => callOf(platform, name));
      const [oneMs, threeMs, fewMs, manyMs] = (await measureLanes(requests, times)) as [number, number, number, number];
      const stepMs = (manyMs - fewMs) / (many - few);
      return {
        n: times.rounds * times.callsARound,
        checks: [
          compare("sequence of 3, p50", threeMs, "one call, p50", oneMs, 3.3),
          compare("step of a conductor, p50", stepMs, `two calls and ${stepOverheadMs} ms`, 2 * oneMs + stepOverheadMs, 1),
        ],
      };
    }),
};

const nodejs = (code: string) => ({ kind: "nodejs:default", code });

async function putConductor(platform: Platform, steps: number): Promise<void> {
  const code = `function main({ n, i = 0 }) {
    return i < ${steps} ? { action: "one", params: { n }, state: { i: i + 1 } } : { params: { n } };
  }`;
  const annotations = [{ key: "conductor", value: true }];
  await putAction(platform, `steps${steps}`, { exec: nodejs(code), annotations });
}

function callOf({ port, auth }: Platform, name: string): LaneRequest {
  const path = `/api/v1/namespaces/_/actions/${name}?blocking=true&result=true`;
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${btoa(auth)}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`;
  return { port, text: `${head}{}` };
}
