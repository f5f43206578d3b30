/** The tables of this room, as `sql/` applies them at open. */
import type { Schema } from "../../sql/sql.ts";

/** Numbered files in `migrations/`; a released one is never changed. */
export const logSchema: Schema = {
  name: "logs",
  folder: new URL("./migrations/", import.meta.url),
  bulkTables: ["log_lines"],
};
