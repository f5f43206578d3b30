/** Callers of every kind against a server that may die at any moment, and what it has promised them. */
import { setTimeout as sleep } from "node:timers/promises";
import { call, send, type ShownRecord } from "../client.ts";
import type { Platform } from "../platform.ts";

/** What the server has promised by answering, over all rounds. */
export interface Accepted {
  /** Activations of asynchronous calls that were answered with 202, by the function's name. */
  readonly async: Map<string, string>;
  /** Synchronous calls that were answered. */
  readonly sync: Set<string>;
}

const source = `
exports.handler = async ({ ms = 0, fail, exit, chance }) => {
  console.log("ran");
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (exit) process.exit(3);
  if (fail || Math.random() < (chance ?? 0)) throw new Error("as asked");
  return "ok";
};`;

/** Name, body, and settings of its delivery. */
const functions = [
  ["quick", {}, { onSuccess: "tests/sink", onFailure: "tests/sink" }],
  ["slow", { ms: 30 }, {}],
  ["flaky", { chance: 0.4 }, { attemptsMax: 4, onSuccess: "tests/sink", onFailure: "tests/sink" }],
  ["failing", { fail: true }, { onSuccess: "tests/sink", onFailure: "tests/sink" }],
  ["exiting", { exit: true }, {}],
] as const;

/** Functions whose outcome the function `sink` is called with. */
export const telling = ["quick", "flaky", "failing"];

export async function deployLoad(platform: Platform): Promise<void> {
  for (const [name, , delivery] of functions)
    await platform.deploy({
      name,
      file: ["index.js", source],
      settings: { delivery: { attemptsMax: 2, backoffMs: 20, ...delivery } },
    });
  await platform.deploy({
    name: "sink",
    file: ["index.js", `exports.handler = ({ activationId }) => console.log("told " + activationId);`],
  });
}

/** Calls until the server is gone. `stop` ends them earlier. */
export function startLoad(platform: Platform, accepted: Accepted) {
  let stopped = false;
  const answeredBefore = accepted.sync.size;
  const urlOf = (name: string) => `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/${name}/invoke`;
  const senders = [0, 1, 2].map((sender) =>
    untilGone(async (turn) => {
      // A few end its process, which costs a start of a sandbox each time.
      const index = turn % 13 === 12 ? functions.length - 1 : (turn + sender) % (functions.length - 1);
      const [name, body] = functions[index] as (typeof functions)[number];
      const { status, activationId } = await call(`${urlOf(name)}?wait=none`, body);
      if (status === 202) accepted.async.set(activationId, name);
      // Slower than calls are run, or the last round would have to run those of all the others.
      await sleep(15);
      return !stopped;
    }),
  );
  const caller = untilGone(async (turn) => {
    const { activationId } = await call(urlOf("quick"), { ms: turn % 3, fail: turn % 5 === 0 });
    if (activationId !== "") accepted.sync.add(activationId);
    return !stopped;
  });
  const ended = Promise.all([...senders, caller]);
  return {
    /** Resolves when a synchronous call was answered, or can't be any more. */
    async served() {
      const ending = ended.then(() => true);
      while (accepted.sync.size === answeredBefore && !(await Promise.race([ending, sleep(10, false)])));
    },
    async stop() {
      stopped = true;
      await ended;
    },
  };
}

/** Repeats until the connection breaks, which is how a client learns of the kill. */
async function untilGone(act: (turn: number) => Promise<boolean>): Promise<void> {
  for (let turn = 0; ; turn++) {
    try {
      if (!(await act(turn))) return;
    } catch (error) {
      // `fetch` says it so, also when the answer breaks off.
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

export async function allRecords(platform: Platform): Promise<ShownRecord[]> {
  return (await allItems(platform, "activations")) as unknown as ShownRecord[];
}

export async function allItems(platform: Platform, what: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let cursor = "";
  do {
    const answer = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/${what}?limit=100${cursor}`);
    const page = answer.json as unknown as { items: Record<string, unknown>[]; nextCursor: string | null };
    items.push(...page.items);
    cursor = page.nextCursor === null ? "" : `&cursor=${encodeURIComponent(page.nextCursor)}`;
  } while (cursor !== "");
  return items;
}

/** Asynchronous calls that wait, and that run. */
export async function depthOf(platform: Platform): Promise<{ readonly ready: number; readonly leased: number }> {
  const { text } = await send("GET", `${platform.url}/metrics`);
  const count = (state: string) => {
    const value = new RegExp(`queue_calls\\{state="${state}"\\} (\\d+)`).exec(text)?.[1];
    if (value === undefined) throw new Error(`The metrics do not tell how many calls are ${state}`);
    return Number(value);
  };
  return { ready: count("ready"), leased: count("leased") };
}
