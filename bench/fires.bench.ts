import { type Platform, startPlatform } from "../test/platform.ts";
import { putAction, whisk } from "../test/whisk.ts";
import { type Bench, compare } from "./bench.ts";
import { accepted } from "./parts/accepting.ts";

const events = 20_000;
const warmUpEvents = 2000;
const targetPerS = 5000;

/** Events of a trigger with one rule, through OpenWhisk's door: each is answered when its call and its record are on the disk. */
export const bench: Bench = {
  question: "How many events a second are accepted durably?",
  unit: "ms",
  run: () => measure(events),
};

async function measure(count: number) {
  const platform = await startPlatform({ flags: ["--namespace-queued-max", String(4 * count)] });
  try {
    await putAction(platform, "heard", { exec: { kind: "nodejs:default", code: "function main() { return {}; }" } });
    await whisk(platform, "PUT", "triggers/news", {});
    await whisk(platform, "PUT", "rules/read", { trigger: "/_/news", action: "/_/heard" });
    await accepted(platform, fireOf(platform), warmUpEvents);
    const { ms, cpuMs } = await accepted(platform, fireOf(platform), count);
    process.stderr.write(
      `fires: ${Math.round((count * 1000) / ms)} a second, ${Math.round((cpuMs * 1000) / count)} µs of CPU each\n`,
    );
    return { n: count, checks: [compare(`${targetPerS} durable events`, (ms / count) * targetPerS, "a second", 1000, 1)] };
  } finally {
    await platform.stop();
  }
}

function fireOf({ auth }: Platform): string {
  const path = "/api/v1/namespaces/_/triggers/news";
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${btoa(auth)}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
}
