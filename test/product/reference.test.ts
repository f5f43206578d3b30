/** The list of commands in the client's reference is what the client's own help says. UPDATE_GOLDEN=1 writes it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commandNames } from "../../src/cli/program.ts";
import { pk } from "./pk.ts";

const file = join(import.meta.dirname, "../../docs/reference/client.md");
const heading = "## Commands\n\n";

test("docs/reference/client.md lists every command as its help does", async () => {
  const written = readFileSync(file, "utf8");
  const prose = written.slice(0, written.indexOf(heading) + heading.length);
  const current = prose + (await reference());
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, current);
  else assert.equal(written, current, "run UPDATE_GOLDEN=1 node --test test/product/reference.test.ts");
});

async function reference(): Promise<string> {
  const texts = [`\`\`\`text\n${globalFlags(await helpOf("--help"))}\n\`\`\`\n`];
  for (const name of commandNames) {
    const help = await helpOf(name, "--help");
    const verbs = [...(help.split("\nCommands:\n")[1] ?? "").matchAll(/^ {2}([a-z]+)/gm)]
      .map(([, verb]) => verb as string)
      .filter((verb) => verb !== "help");
    const helps = verbs.length === 0 ? [help] : await Promise.all(verbs.map((verb) => helpOf(name, verb, "--help")));
    texts.push(`### ${name}\n\n\`\`\`text\n${helps.map(ownPart).join("\n\n")}\n\`\`\`\n`);
  }
  return texts.join("\n");
}

async function helpOf(...args: string[]): Promise<string> {
  return (await pk(args, { cwd: import.meta.dirname })).stdout;
}

/** Without the flags that every command has. */
function ownPart(help: string): string {
  const examples = help.split(/\n(?=Examples:|bash:|With --api-url)/)[1];
  const own = (help.split("\nGlobal Options:")[0] ?? "")
    .replace(/\n {2}-h, --help +display help for command\n?/, "\n")
    .replace(/\nOptions:\n*$/, "");
  return [own.trim(), ...(examples === undefined ? [] : [examples.trim()])].join("\n\n");
}

function globalFlags(help: string): string {
  return (help.split("Options:\n")[1] ?? "").split("\n\n")[0] as string;
}
