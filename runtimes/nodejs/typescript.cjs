"use strict";
/** TypeScript under Bun and Deno, which run it as it is. */
const { mkdtempSync, readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { tmpdir } = require("node:os");
const { basename, join } = require("node:path");

/** The module's file: of code that exports nothing, and so has its function at the top, a copy that exports it. */
function moduleFile(file, name) {
  const source = readFileSync(file, "utf8");
  globalThis.require ??= createRequire(file);
  if (/^\s*export\b|^\s*(?:module\.)?exports\b/m.test(source)) return file;
  const copy = join(mkdtempSync(join(tmpdir(), "code-")), basename(file));
  writeFileSync(copy, `${source}\nexport { ${name} };\n`);
  return copy;
}

module.exports = { moduleFile };
