import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { Recorder } from "../src/invocation/record.ts";
import { realWorld } from "../src/lib/world.ts";
import type { Activation } from "../src/model/model.ts";
import { openDatabase } from "../src/sql/sqlite/database.ts";
import { storeSchema } from "../src/store/sqlite/migrations.ts";
import { sqliteStore } from "../src/store/sqlite/store.ts";
import { type Bench, compare, median } from "./bench.ts";

const rounds = 7;
const recordsARound = 100_000;
/** As many as come in while a batch is written when a server is busy. */
const atOnce = 1000;
const functions = 100;
const perCoreTarget = 100_000;

/** The recorder on the store as a server has them, with nothing else: records go in as fast as there is room for them. */
export const bench: Bench = {
  question: "What does a durable activation record cost?",
  unit: "us",
  async run() {
    const folder = mkdtempSync(join(tmpdir(), "kiln-records-"));
    const world = realWorld();
    const database = await openDatabase({ path: join(folder, "polykiln.db"), schemas: [storeSchema], newId: world.newId });
    const recorder = new Recorder(sqliteStore(database).activations, world, (_, error) => {
      throw error;
    });
    try {
      const cpuUs: number[] = [];
      const wallUs: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const { cpu, wall } = await write(recorder, recordsOf(world.newId));
        // The compiler takes part in the first round.
        if (round === 0) continue;
        cpuUs.push(cpu);
        wallUs.push(wall);
      }
      process.stderr.write(`records: ${Math.round(1_000_000 / median(wallUs))} a second on the disk, over both threads\n`);
      const promised = 1_000_000 / perCoreTarget;
      return {
        n: rounds * recordsARound,
        checks: [compare("CPU of a record", median(cpuUs), `of a core at ${perCoreTarget} a second`, promised, 1)],
      };
    } finally {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Microseconds for each, until all are on the disk; CPU of all threads. */
async function write(recorder: Recorder, records: readonly Activation[]): Promise<{ cpu: number; wall: number }> {
  const [cpuBefore, beganAt] = [process.cpuUsage(), performance.now()];
  for (let from = 0; from < records.length; from += atOnce) {
    while (!recorder.hasRoom) await turn();
    for (const record of records.slice(from, from + atOnce)) recorder.add(record);
    await turn();
  }
  await recorder.flush();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { cpu: (user + system) / records.length, wall: ((performance.now() - beganAt) * 1000) / records.length };
}

function recordsOf(newId: () => string): Activation[] {
  const startedAt = Date.now();
  return Array.from({ length: recordsARound }, (_, index) => ({
    id: newId(),
    namespace: "guest",
    functionId: `function-${index % functions}`,
    functionName: `name-${index % functions}`,
    appId: "app",
    routeId: null,
    revision: 1,
    status: "success",
    start: "hot",
    attempt: 1,
    error: null,
    startedAt,
    endedAt: startedAt + 1,
    waitMs: 0.01,
    createMs: 0,
    initMs: 0,
    runMs: 0.5,
    requestBytes: 2,
    responseBytes: 27,
    billedUnits: 1,
  }));
}
