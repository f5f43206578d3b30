/** What the README tells people to type is typed here, against a server of our own. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startPlatform } from "../platform.ts";
import { cannotCount } from "../reliability/footprint.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

test("the README's first function, as it is printed there", { skip: cannotCount, timeout: 300_000 }, async () => {
  const snippets = [...readme.matchAll(/```sh\n([^]*?)```/g)].map(([, text = ""]) => text);
  assert.equal(snippets.length, 1, "a new snippet needs a test of its own");
  const platform = await startPlatform();
  const folder = mkdtempSync(join(tmpdir(), "readme-"));
  try {
    const script = (snippets[0] as string).replaceAll("http://127.0.0.1:8080", platform.url);
    assert.ok(script.includes(platform.url));
    const { stdout } = await promisify(execFile)("sh", ["-e", "-c", script], { cwd: folder, timeout: 120_000 });
    assert.match(stdout, /"kind":"nodejs:24"/);
    assert.match(stdout, /\{"hello":"you"\}\s*$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await platform.stop();
  }
});
