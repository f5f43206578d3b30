/** Fn's own client, or what it sent: test/fixtures/fn/cli/README.md. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commandsIn, fnClient, isRecorded, run, settled, withInput } from "../fn-client.ts";
import { askAgain, dialogueOf, type Exchanged, exchangesIn, Normal, recorder } from "../fn-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";

const folder = join(import.meta.dirname, "../fixtures/fn/cli");
const [tourFile, requestsFile] = [join(folder, "tour.txt"), join(folder, "requests.txt")];

const echo = "exports.handler = async (input) => `echo got ${typeof input === 'string' ? input : JSON.stringify(input)}`;\n";
const throws = "exports.handler = async () => { throw new Error('its own words'); };\n";

async function startServer(): Promise<Platform> {
  const platform = await startPlatform();
  await platform.deploy({ name: "echo", app: "calls", file: ["index.js", echo] });
  await platform.deploy({ name: "throws", app: "calls", file: ["index.js", throws] });
  return platform;
}

test("a tour with Fn's client reads as with Fn's server", { skip: fnClient === "" && "FN_CLI names no client" }, async () => {
  const platform = await startServer();
  const home = mkdtempSync(join(tmpdir(), "kiln-fn-"));
  const exchanged: Exchanged[] = [];
  const between = await recorder(platform.port, (one) => exchanged.push(one));
  const words = { "<url>": between.url, "<version>": await versionOf(platform) };
  // Apart, since a call's id may be printed that is in no body.
  const [normal, normalSent] = [new Normal(words), new Normal(words)];
  const lines: string[] = [];
  const requests: string[] = [];
  try {
    for (const command of commandsIn(readFileSync(tourFile, "utf8"))) {
      const { words: typed, input } = withInput(normal.from(command));
      const printed = await run(fnClient, typed.split(" ").slice(1), { home, input });
      const sent = exchanged.splice(0).map((one) => normalSent.of(dialogueOf(one)));
      if (sent.length > 0) requests.push(`# ${command}\n${sent.join("")}`);
      lines.push(`$ ${command}\n${settled(normal.of(printed))}`);
    }
  } finally {
    await between.close();
    await platform.stop();
    rmSync(home, { recursive: true, force: true });
  }
  if (isRecorded) {
    writeFileSync(tourFile, lines.join("\n"));
    writeFileSync(requestsFile, requests.join("\n"));
  }
  assert.equal(lines.join("\n"), readFileSync(tourFile, "utf8"));
  assert.equal(requests.join("\n"), readFileSync(requestsFile, "utf8"));
});

test("what Fn's client sends is answered as it was", { skip: isRecorded && "it is being recorded" }, async () => {
  const platform = await startServer();
  const normal = new Normal({ "<url>": platform.url, "<version>": await versionOf(platform) });
  try {
    for (const exchanged of exchangesIn(readFileSync(requestsFile, "utf8"))) {
      const { method, target, body, status, answer } = exchanged;
      assert.equal(await askAgain(platform.port, exchanged, normal), `${status} ${answer}`, `${method} ${target} ${body}`);
    }
  } finally {
    await platform.stop();
  }
});

async function versionOf(platform: Platform): Promise<string> {
  const answer = await fetch(`${platform.url}/version`);
  return ((await answer.json()) as { version: string }).version;
}
