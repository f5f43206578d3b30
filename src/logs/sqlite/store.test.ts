import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logsContract } from "../../../test/contract/logs.ts";
import { realWorld } from "../../lib/world.ts";
import { openDatabase } from "../../sql/sqlite/database.ts";
import { logSchema } from "./migrations.ts";
import { sqliteLogStore } from "./store.ts";

logsContract("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-logs-"));
  const database = await openDatabase({ path: join(folder, "logs.db"), schemas: [logSchema], newId: realWorld().newId });
  const close = async () => {
    await database.close();
    await rm(folder, { recursive: true });
  };
  return { store: sqliteLogStore(database), close };
});
