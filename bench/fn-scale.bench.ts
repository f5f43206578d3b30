import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";
import { withOpen } from "./parts/open.ts";
import { timeMs } from "./parts/plain.ts";

/** As many as a page shows. */
const few = 30;
const many = 10_000;
const functionsAnApp = 10;
const rounds = 200;
const warmUpRounds = 50;
const target = 1.5;

type Call = (method: string, path: string, body?: object) => Promise<void>;

/** What Fn's client does with a store of functions, by name; the number rises from time to time. */
const steps: Readonly<Record<string, (call: Call, store: FilledStore, time: number) => Promise<void>>> = {
  "list of apps": (call) => call("GET", `/v2/apps?per_page=${few}`),
  "list of an app's functions": (call, { appId }) => call("GET", `/v2/fns?app_id=${appId}`),
  "function by its id": (call, { fnId }) => call("GET", `/v2/fns/${fnId}`),
  // As `fn deploy` does once the image is built.
  async deploy(call, { appId, fnId }, time) {
    await call("GET", "/v2/apps?name=first");
    await call("GET", `/v2/fns?app_id=${appId}&name=first`);
    await call("PUT", `/v2/fns/${fnId}`, { image: `registry.example/first:0.0.${time}`, config: { time: `${time}` } });
  },
};

/** Two servers, alike but for how much is defined in them, asked by turns. */
export const bench: Bench = {
  question: `What do ${many} apps with ${many * functionsAnApp} functions cost Fn's client, beside ${few} apps?`,
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const stores = [keep(await filledStore(few)), keep(await filledStore(many))] as const;
      const small = { store: stores[0], call: await client(keep(await startPlatform({ data: stores[0].data }))) };
      const large = { store: stores[1], call: await client(keep(await startPlatform({ data: stores[1].data }))) };
      const checks = [];
      for (const [name, step] of Object.entries(steps)) {
        const times = { small: [] as number[], large: [] as number[] };
        for (let round = -warmUpRounds; round < rounds; round++) {
          const smallMs = await timeMs(() => step(small.call, small.store, round));
          const largeMs = await timeMs(() => step(large.call, large.store, round));
          if (round < 0) continue;
          times.small.push(smallMs);
          times.large.push(largeMs);
        }
        checks.push(compare(`${name} with ${many} apps`, median(times.large), `with ${few}`, median(times.small), target));
      }
      return { n: rounds, checks };
    }),
};

async function client({ port }: Platform): Promise<Call> {
  const connection = await RawClient.connect(port);
  return async (method, path, body) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: ${text.length}\r\n\r\n`;
    const answer = await connection.call(head + text);
    if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`${method} ${path} was answered ${answer.slice(0, 300)}`);
  };
}

interface FilledStore {
  readonly data: string;
  readonly appId: string;
  readonly fnId: string;
  stop(): void;
}

/** A data folder with so many apps of ten functions; all but the first are copies of it, under names and ids of their own. */
async function filledStore(apps: number): Promise<FilledStore> {
  const data = mkdtempSync(join(tmpdir(), "kiln-fn-scale-"));
  const stop = () => rmSync(data, { recursive: true, force: true });
  try {
    const platform = await startPlatform({ data });
    const create = async (noun: string, fields: object) => {
      const answer = await fetch(`${platform.url}/v2/${noun}`, { method: "POST", body: JSON.stringify(fields) });
      return ((await answer.json()) as { id: string }).id;
    };
    const appId = await create("apps", { name: "first", config: { a: "1" } });
    const fnId = await create("fns", { app_id: appId, name: "first", image: "registry.example/first:0.0.1" });
    await platform.stop();
    fill(join(data, "polykiln.db"), apps);
    return { data, appId, fnId, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Through SQL: through the API it would take minutes. */
function fill(file: string, apps: number): void {
  const database = new DatabaseSync(file);
  const copy = (table: string, count: number, ofApp: string) => {
    const columns = database
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => String(name));
    const other: Readonly<Record<string, string>> = {
      id: "printf('0%025d', n)",
      name: "printf('copy-%07d', n)",
      app_id: ofApp,
    };
    const values = columns.map((column) => other[column] ?? column);
    database.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
      INSERT INTO ${table} (${columns.join(", ")}) SELECT ${values.join(", ")} FROM ${table}, numbers WHERE ${table}.name = 'first'`);
  };
  database.exec(
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -400000; BEGIN",
  );
  // The last of them are in the first app, beside the function that there is.
  copy("apps", apps - 1, "app_id");
  const copiesElsewhere = (apps - 1) * functionsAnApp;
  const app = `CASE WHEN n > ${copiesElsewhere} THEN app_id ELSE printf('0%025d', 1 + (n - 1) / ${functionsAnApp}) END`;
  copy("functions", apps * functionsAnApp - 1, app);
  database.exec("COMMIT");
  database.close();
}
