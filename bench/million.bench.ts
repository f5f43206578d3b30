import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { example, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { timeMs } from "./parts/plain.ts";
import { residentMiB } from "./parts/processes.ts";

const few = 10;
const many = 1_000_000;
const rounds = 7;
const starts = 5;
const roundMs = 700;
const warmUpMs = 2000;
const pages = 50;

/** Two stores, alike but for the number of functions, and what their servers make of them. */
export const bench: Bench = {
  question: `What do ${many} registered functions cost at the start, in memory and on each call, beside ${few}?`,
  unit: "ms or MiB",
  run: () =>
    withOpen(async (keep) => {
      const stores = [keep(await filledStore(few)), keep(await filledStore(many))] as const;
      const startMs = [[], []] as [number[], number[]];
      for (let start = 0; start < starts; start++) {
        for (const [index, { data }] of stores.entries()) startMs[index as 0 | 1].push(await startAndStopMs(data));
      }
      const load = keep(new Load());
      const small = { platform: keep(await startPlatform({ data: stores[0].data })), path: stores[0].path, p50: [] as number[] };
      const large = { platform: keep(await startPlatform({ data: stores[1].data })), path: stores[1].path, p50: [] as number[] };
      const warmP50 = async ({ platform, path }: typeof small, forMs: number) =>
        (await load.run({ port: platform.port, paths: [path], connections: 1, forMs })).p50Ms;
      for (const lane of [small, large]) await warmP50(lane, warmUpMs);
      for (let round = 0; round < rounds; round++) {
        for (const lane of [small, large]) lane.p50.push(await warmP50(lane, roundMs));
      }
      const pageMs = [await listPageMs(small.platform), await listPageMs(large.platform)] as const;
      const memoryMiB = [residentMiB(small.platform.pid), residentMiB(large.platform.pid)] as const;
      return {
        n: rounds,
        checks: [
          compare(`warm p50 with ${many}`, median(large.p50), `with ${few}`, median(small.p50), 1.1),
          compare(`start with ${many}`, median(startMs[1]), "promised", 2000, 1),
          compare(`start with ${many}`, median(startMs[1]), `with ${few}`, median(startMs[0]), 1.5),
          compare(`memory, more than with ${few}`, Math.max(0, memoryMiB[1] - memoryMiB[0]), "promised", 300, 1),
          compare(`page of the list of ${many}`, pageMs[1], `of ${few}`, pageMs[0], 2),
        ],
      };
    }),
};

/** A data folder whose store has so many functions; all but the first are copies of one, under names and ids of their own. */
async function filledStore(functions: number): Promise<{ readonly data: string; readonly path: string; stop(): void }> {
  const data = mkdtempSync(join(tmpdir(), "kiln-million-"));
  const stop = () => rmSync(data, { recursive: true, force: true });
  try {
    const platform = await startPlatform({ data });
    const { id } = await platform.deploy({ name: "first", file: example("hello-node"), settings: { idleTimeoutMs: 600_000 } });
    await platform.stop();
    copyFunction(join(data, "polykiln.db"), id, functions - 1);
    return { data, path: `/invoke/${id}`, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Through SQL: through the API it would take minutes. */
function copyFunction(file: string, id: string, copies: number): void {
  const database = new DatabaseSync(file);
  const columns = database
    .prepare("SELECT name FROM pragma_table_info('functions')")
    .all()
    .map(({ name }) => String(name));
  const [copyId, copyName] = ["printf('0%025d', n)", "printf('copy-%07d', n)"];
  const values = columns.map((column) => ({ id: copyId, name: copyName })[column] ?? column);
  const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${copies})`;
  database.exec(`
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA foreign_keys = OFF;
    PRAGMA cache_size = -400000;
    BEGIN;
    ${numbers} INSERT INTO functions (${columns.join(", ")}) SELECT ${values.join(", ")} FROM functions, numbers WHERE id = '${id}';
    ${numbers} INSERT INTO revisions (namespace, function_id, revision, fn_json)
      SELECT namespace, ${copyId}, revision, json_set(fn_json, '$.id', ${copyId}, '$.name', ${copyName})
      FROM revisions, numbers WHERE function_id = '${id}';
    COMMIT;
  `);
  database.close();
}

/** From the start of the process until it serves. */
async function startAndStopMs(data: string): Promise<number> {
  let platform: Platform | undefined;
  const ms = await timeMs(async () => {
    platform = await startPlatform({ data });
  });
  await platform?.stop();
  return ms;
}

/** The p50 of a page of as many functions as both stores have. */
async function listPageMs({ url }: Platform): Promise<number> {
  const times: number[] = [];
  for (let page = 0; page < pages; page++) {
    times.push(
      await timeMs(async () => {
        const answer = await fetch(`${url}/kiln/v1/namespaces/guest/apps/tests/functions?limit=${few}`);
        const { items } = (await answer.json()) as { items: unknown[] };
        if (items.length !== few) throw new Error(`A page of ${items.length} functions`);
      }),
    );
  }
  return median(times);
}
