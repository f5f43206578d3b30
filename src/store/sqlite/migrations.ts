/** The tables of this room, as `sql/` applies them at open. */
import type { Schema } from "../../sql/sql.ts";

/** Numbered files in `migrations/`; a released one is never changed. */
export const storeSchema: Schema = {
  name: "store",
  folder: new URL("./migrations/", import.meta.url),
  bulkTables: ["activations"],
};
