import { join } from "node:path";
import { test } from "node:test";
import { runSession } from "./session.ts";

test("every command of the tutorial does and prints what it says", { timeout: 280_000 }, async (t) => {
  await runSession(join(import.meta.dirname, "../../docs/tutorial.md"), (text) => {
    for (const line of text.trimEnd().split("\n")) if (line.startsWith("[")) t.diagnostic(line);
  });
});
