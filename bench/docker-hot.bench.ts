import { imageFunction, importFdkImage, noDocker, startEngine } from "../test/docker.ts";
import { functionSource, npmKit } from "../test/kits.ts";
import { pack } from "../test/pack.ts";
import { startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, medianLatencyMs, RawClient } from "./bench.ts";

const rounds = 15;
const callsARound = 200;
/** The compiler is done with the kit and the platform's part of it after so many. */
const warmUpCalls = 3000;

/** The same function of the npm kit in an image under Docker and as code in a sandbox of ours, on one server, at one connection each. */
export const bench: Bench = {
  question: "What does a hot call through Docker cost beside one through bubblewrap?",
  unit: "ms",
  async run() {
    if (noDocker !== undefined) throw new Error(noDocker);
    const engine = await startEngine();
    try {
      await importFdkImage(engine.engine, "registry.test/hello:1");
      const platform = await startPlatform({ env: { POLYKILN_IMAGES: "docker", DOCKER_HOST: engine.host } });
      try {
        const image = await imageFunction(platform.url, "hello", "registry.test/hello:1");
        const kit = await npmKit(["@fnproject/fdk@0.0.76"]);
        const archive = await pack({ folder: functionSource("fdk-node") }, { folder: kit, entries: ["node_modules"] });
        const code = await platform.deploy({ name: "hello", archive, settings: { kind: "nodejs:24", protocol: "http-stream" } });
        const lanes = [await laneOf(platform.port, image), await laneOf(platform.port, code.id)];
        for (let round = 0; round < rounds; round++) {
          for (const { client, request, roundsMs } of lanes) roundsMs.push(await medianLatencyMs(client, request, callsARound));
        }
        for (const { client } of lanes) client.close();
        const [dockerMs, bubblewrapMs] = lanes.map(({ roundsMs }) => median(roundsMs)) as [number, number];
        return {
          n: rounds * callsARound,
          checks: [compare("hot call through docker, p50", dockerMs, "hot call through bubblewrap, p50", bubblewrapMs, 1.3)],
        };
      } finally {
        await platform.stop();
      }
    } finally {
      await engine.remove();
    }
  },
};

/** One function that is called and has warmed up, one connection, and the p50 of each round. */
async function laneOf(port: number, id: string): Promise<{ client: RawClient; request: string; roundsMs: number[] }> {
  const request = `POST /invoke/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  const client = await RawClient.connect(port);
  await medianLatencyMs(client, request, warmUpCalls);
  return { client, request, roundsMs: [] };
}
