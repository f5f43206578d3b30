import type { Platform } from "../../test/platform.ts";
import { RawClient } from "../bench.ts";
import { ownCpuMsOf } from "./processes.ts";

const connections = 48;

/** Sends so many on keep-alive connections, each of which has to be answered 202; the time it took, and the server's CPU time, in ms. */
export async function accepted(platform: Platform, request: string, calls: number): Promise<{ ms: number; cpuMs: number }> {
  const clients = await Promise.all(Array.from({ length: connections }, () => RawClient.connect(platform.port)));
  const [cpuBefore, beganAt] = [ownCpuMsOf(platform.pid), performance.now()];
  let left = calls;
  const send = async (client: RawClient) => {
    while (left-- > 0) {
      const answer = await client.call(request);
      if (answer.slice(9, 12) !== "202") throw new Error(`Unexpected answer: ${answer.slice(0, 300)}`);
    }
    client.close();
  };
  await Promise.all(clients.map(send));
  return { ms: performance.now() - beganAt, cpuMs: ownCpuMsOf(platform.pid) - cpuBefore };
}
