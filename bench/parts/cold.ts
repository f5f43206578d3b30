/** First calls of functions that were never called, one at a time, in turns with plain starts of the same handler. */
import { type Deployment, type Platform, startPlatform } from "../../test/platform.ts";
import { median, RawClient } from "../bench.ts";
import { withOpen } from "./open.ts";
import { timeMs } from "./plain.ts";

export interface ColdOrder {
  readonly rounds: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Code of the function of a round; no two are the same. */
  readonly file?: (round: number) => NonNullable<Deployment["file"]>;
  readonly archive?: (round: number) => Promise<Buffer>;
  /** Waits until the platform is ready for a first call. */
  readonly ready?: (platform: Platform) => Promise<void>;
  /** One plain start of the same handler. */
  plain(): Promise<void>;
}

/** Medians in ms. */
export function measureCold(order: ColdOrder): Promise<{ readonly oursMs: number; readonly plainMs: number }> {
  return withOpen(async (keep) => {
    const platform = keep(await startPlatform({ env: order.env ?? {} }));
    const paths = await deployed(platform, order);
    const client = await RawClient.connect(platform.port);
    keep({ stop: () => client.close() });
    const oursMs: number[] = [];
    const plainMs: number[] = [];
    for (const [round, path] of paths.entries()) {
      await order.ready?.(platform);
      const ours = await timeMs(() => firstCall(client, path));
      const theirs = await timeMs(() => order.plain());
      // The first round warms the file cache for both.
      if (round === 0) continue;
      oursMs.push(ours);
      plainMs.push(theirs);
    }
    return { oursMs: median(oursMs), plainMs: median(plainMs) };
  });
}

async function deployed(platform: Platform, { rounds, file, archive, settings }: ColdOrder): Promise<string[]> {
  const paths: string[] = [];
  for (let round = 0; round <= rounds; round++) {
    const code = { ...(file && { file: file(round) }), ...(archive && { archive: await archive(round) }) };
    const { id } = await platform.deploy({ name: `cold-${round}`, ...code, settings: { idleTimeoutMs: 1000, ...settings } });
    paths.push(`/invoke/${id}`);
  }
  return paths;
}

async function firstCall(client: RawClient, path: string): Promise<void> {
  const answer = await client.call(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  );
  if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`Unexpected answer: ${answer.slice(0, 900)}`);
}
