// Completes a build: what the compiler leaves behind of `src/` goes to `dist/` (SQL migrations), and the schemas for editors are written.
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";

const root = join(import.meta.dirname, "..");

for (const file of globSync("src/**/*.sql", { cwd: root })) {
  const target = join(root, "dist", file.slice("src/".length));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(join(root, file), target);
}

const { editorSchema } = await import(join(root, "dist/cli/project/schema.js"));
const { editorSchemas } = await import(join(root, "dist/cli/project/func-schema.js"));
const { manifestSchema } = await import(join(root, "dist/cli/manifest/schema.js"));
const schemas = { "kiln.schema.json": editorSchema(), "manifest.schema.json": manifestSchema(), ...editorSchemas() };
for (const [name, schema] of Object.entries(schemas)) {
  const file = join(root, "schemas", name);
  // Formatted by others: only its meaning counts.
  if (!existsSync(file) || !isDeepStrictEqual(JSON.parse(readFileSync(file, "utf8")), schema))
    writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`);
}
