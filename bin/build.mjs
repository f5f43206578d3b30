// Completes a build: what the compiler leaves behind of `src/` goes to `dist/` (SQL migrations), and the schema for editors is written.
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

const root = join(import.meta.dirname, "..");

for (const file of globSync("src/**/*.sql", { cwd: root })) {
  const target = join(root, "dist", file.slice("src/".length));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(root, file), target);
}

const { editorSchema } = await import(join(root, "dist/cli/project/schema.js"));
const schemaFile = join(root, "schemas/kiln.schema.json");
const schema = editorSchema();
// Formatted by others: only its meaning counts.
if (!isDeepStrictEqual(JSON.parse(readFileSync(schemaFile, "utf8")), schema))
  writeFileSync(schemaFile, `${JSON.stringify(schema, null, 2)}\n`);
