/** Several requests that are measured in turn, each on a connection of its own. */
import { compare, median, medianLatencyMs, RawClient } from "../bench.ts";

export interface LaneRequest {
  readonly port: number;
  /** All of it, as it goes over the wire. */
  readonly text: string;
}

export interface Rounds {
  readonly rounds: number;
  readonly callsARound: number;
  readonly warmUpCalls: number;
}

/** The median of the rounds' p50 of each request, in ms. */
export async function measureLanes(
  requests: readonly LaneRequest[],
  { rounds, callsARound, warmUpCalls }: Rounds,
): Promise<number[]> {
  const lanes = [];
  for (const { port, text } of requests) {
    const client = await RawClient.connect(port);
    await medianLatencyMs(client, text, warmUpCalls);
    lanes.push({ client, text, roundsMs: [] as number[] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { client, text, roundsMs } of lanes) roundsMs.push(await medianLatencyMs(client, text, callsARound));
  }
  for (const { client } of lanes) client.close();
  return lanes.map(({ roundsMs }) => median(roundsMs));
}

/** A POST with `{}`. */
export function postEmpty(port: number, path: string): LaneRequest {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`;
  return { port, text: `${head}{}` };
}

/** Two ways to a function, by GET and by POST, beside the first request, which is `/invoke` of it. `max`: so many times as long they may take. */
export async function measureBesideInvoke(requests: readonly LaneRequest[], times: Rounds, what: string, max: number) {
  const [invokeMs, getMs, postMs] = (await measureLanes(requests, times)) as [number, number, number];
  const reference = "/invoke of it, p50";
  return {
    n: times.rounds * times.callsARound,
    checks: [
      compare(`${what} by GET, p50`, getMs, reference, invokeMs, max),
      compare(`${what} by POST of JSON, p50`, postMs, reference, invokeMs, max),
    ],
  };
}
