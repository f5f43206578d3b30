/**
 * A server that is going to be killed: starts sandboxes as its argument tells (JSON) and prints a line of JSON when they run.
 * Run as a process of its own by `crash.test.ts` and others.
 */
import { realWorld } from "../../src/lib/world.ts";
import { bubblewrapDriver } from "../../src/sandbox/bubblewrap/driver.ts";
import { inspect } from "../../src/sandbox/bubblewrap/capabilities.ts";
import { processDriver } from "../../src/sandbox/process/driver.ts";
import type { Endpoint } from "../../src/sandbox/sandbox.ts";

/** What the server is told. */
export interface ServerOrder {
  readonly driver: "bubblewrap" | "process";
  readonly stateFile: string | null;
  readonly root: string | null;
  readonly code: string;
  readonly sandboxes: readonly {
    command: readonly string[];
    endpoint: Endpoint;
    pause: boolean;
    env?: Record<string, string>;
    cores?: number[];
  }[];
  /** Ends by itself after each program has ended, and prints what they said. */
  readonly untilEnded: boolean;
}

const order = JSON.parse(process.argv[2] as string) as ServerOrder;
const options = { world: realWorld(), warn: () => {}, ...(order.stateFile === null ? {} : { stateFile: order.stateFile }) };
const capabilities = inspect();
const driver = order.driver === "process" ? processDriver(options) : bubblewrapDriver({ ...options, capabilities });
const printed = order.sandboxes.map(() => "");
const sandboxes = await Promise.all(
  order.sandboxes.map(async ({ command, endpoint, env = {}, pause, cores }, index) => {
    const sandbox = await driver.create({
      id: `server-${index}`,
      root: order.root,
      code: order.code,
      runtime: null,
      command,
      env,
      egress: "internet",
      endpoint,
      limits: { memoryMiB: 128, processesMax: 32, openFilesMax: 256, tmpMiB: 8, tmpFilesMax: 200, cores },
      output: (_stream, data) => {
        printed[index] += data.toString();
      },
    });
    if (pause) await sandbox.pause?.();
    return sandbox;
  }),
);
if (order.untilEnded) {
  const exits = await Promise.all(sandboxes.map((sandbox) => sandbox.exited));
  await driver.close();
  console.log(JSON.stringify({ exits, printed, privileged: capabilities.isolation.privileged, missing: capabilities.missing }));
} else {
  console.log(JSON.stringify({ running: sandboxes.length }));
  setInterval(() => {}, 1000);
}
