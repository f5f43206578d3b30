/**
 * A tour with somebody else's client: what it prints and sends is as it was written down. Without the client, what it sent then is
 * answered as it was.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandsIn, run, settled, withInput } from "./fn-client.ts";
import { askAgain, dialogueOf, type Exchanged, exchangesIn, type Normal, recorder } from "./fn-tour.ts";
import type { Platform } from "./platform.ts";

export interface Tour {
  /** The client's program. */
  readonly client: string;
  /** Where `tour.txt` (commands and what they print) and `requests.txt` are. */
  readonly folder: string;
  /** Both are written anew. */
  readonly isRecorded: boolean;
  /** The client does what a command means in another order each time, so that lines are compared without theirs, and lists that it was answered not at all. */
  readonly isShuffled?: boolean;
  start(): Promise<Platform>;
  /** What the client finds in its home, where it runs. `url`: the server that it is to know. */
  furnish?(home: string, platform: Platform, url: string): void;
  /** Variables of its environment. (Default: none) */
  readonly env?: Readonly<Record<string, string>>;
  /** What differs from run to run, in words. */
  normal(platform: Platform, places: { readonly url: string; readonly home: string }): Promise<Normal> | Normal;
  /** Headers that are not written down: names and values by turns. */
  headers?(platform: Platform): readonly string[];
}

/** Gives the client the commands of the tour. */
export async function takeTour(tour: Tour): Promise<void> {
  const platform = await tour.start();
  const home = mkdtempSync(join(tmpdir(), "kiln-tour-"));
  const exchanged: Exchanged[] = [];
  const between = await recorder(platform.port, (one) => exchanged.push(one));
  const places = { url: between.url, home };
  const lines: string[] = [];
  const requests: string[] = [];
  try {
    tour.furnish?.(home, platform, between.url);
    // Apart, since an id may be printed that is in no body.
    const [normal, normalSent] = [await tour.normal(platform, places), await tour.normal(platform, places)];
    for (const command of commandsIn(textOf(tour, "tour"))) {
      const { words, input } = withInput(normal.from(command));
      const printed = await run(tour.client, words.split(" ").slice(1), {
        home,
        input,
        cwd: home,
        ...(tour.env !== undefined && { env: tour.env }),
      });
      const sent = exchanged.splice(0).map((one) => normalSent.of(dialogueOf(one)));
      if (sent.length > 0) requests.push(`# ${command}\n${sent.join("")}`);
      lines.push(`$ ${command}\n${settled(normal.of(printed))}`);
    }
  } finally {
    await between.close();
    await platform.stop();
    rmSync(home, { recursive: true, force: true });
  }
  compare(tour, "tour", lines.join("\n"));
  compare(tour, "requests", requests.join("\n"));
}

/** Sends what the client sent. */
export async function askTourAgain(tour: Tour): Promise<void> {
  const platform = await tour.start();
  const normal = await tour.normal(platform, { url: platform.url, home: "" });
  const more = tour.headers?.(platform) ?? [];
  try {
    for (const exchanged of exchangesIn(textOf(tour, "requests"))) {
      const { method, target, body, status, answer } = exchanged;
      const asked = { ...exchanged, headers: [...exchanged.headers, ...more] };
      const expected = `${status} ${answer}`;
      assert.equal(await answerOf(platform.port, asked, normal, expected), expected, `${method} ${target} ${body}`);
    }
  } finally {
    await platform.stop();
  }
}

/** What a call prints may come a moment after it: who looks for that asks again for a while. */
async function answerOf(port: number, asked: Exchanged, normal: Normal, expected: string): Promise<string> {
  const isOfCalls = asked.method === "GET" && /\/(activations|calls)\b/.test(asked.target);
  const known = normal.ids.length;
  for (const giveUpAt = performance.now() + 10_000; ; await sleep(50)) {
    const answer = await askAgain(port, asked, normal);
    if (answer === expected || !isOfCalls || performance.now() > giveUpAt) return answer;
    normal.ids.length = known;
  }
}

const fileOf = ({ folder }: Tour, name: "tour" | "requests") => join(folder, `${name}.txt`);
const textOf = (tour: Tour, name: "tour" | "requests") => readFileSync(fileOf(tour, name), "utf8");

function compare(tour: Tour, name: "tour" | "requests", text: string): void {
  if (tour.isRecorded) writeFileSync(fileOf(tour, name), text);
  const [actual, expected] = [text, textOf(tour, name)];
  if (tour.isShuffled === true) assert.deepEqual(linesOf(actual), linesOf(expected));
  else assert.equal(actual, expected);
}

function linesOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("200 = ["));
  return lines.toSorted();
}
