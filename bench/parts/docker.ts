/** What people know: `docker run`. Only where a daemon runs; there is no target for it. */
import { execFileSync } from "node:child_process";
import { median } from "../bench.ts";
import { timeMs } from "./plain.ts";

const image = "node:24-slim";
const rounds = 5;
const program = "process.stdout.write(JSON.stringify({ message: 'Hello world' }))";

/** Says on stderr what starting a container for one call takes, or why it does not. */
export async function reportDockerRun(): Promise<void> {
  if (!docker(["version"])) return say("skipped: docker run: no daemon");
  if (!docker(["image", "inspect", image]) && !docker(["pull", "--quiet", image]))
    return say(`skipped: docker run: no image ${image}; docker pull ${image}`);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    times.push(await timeMs(async () => docker(["run", "--rm", "--network=none", image, "node", "-e", program])));
  }
  say(`docker run of ${image}, p50: ${Math.round(median(times))} ms`);
}

function docker(args: readonly string[]): boolean {
  try {
    execFileSync("docker", args, { timeout: 120_000, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function say(text: string): void {
  process.stderr.write(`kiln: ${text}\n`);
}
