/** Fn's own client, or what it sent: test/fixtures/fn/cli/README.md. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { dialogueOf, type Exchanged, exchangesIn, Normal, recorder, send } from "../fn-tour.ts";
import { cleanEnvironment, type Platform, startPlatform } from "../platform.ts";

const client = process.env["FN_CLI"] ?? "";
const records = client !== "" && process.env["FN_CLI_RECORD"] === "1";
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

test("a tour with Fn's client reads as with Fn's server", { skip: client === "" && "FN_CLI names no client" }, async () => {
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
      const printed = await run(normal.from(command), home);
      const sent = exchanged.splice(0).map((one) => normalSent.of(dialogueOf(one)));
      if (sent.length > 0) requests.push(`# ${command}\n${sent.join("")}`);
      lines.push(`$ ${command}\n${settled(normal.of(printed))}`);
    }
  } finally {
    await between.close();
    await platform.stop();
    rmSync(home, { recursive: true, force: true });
  }
  if (records) {
    writeFileSync(tourFile, lines.join("\n"));
    writeFileSync(requestsFile, requests.join("\n"));
  }
  assert.equal(lines.join("\n"), readFileSync(tourFile, "utf8"));
  assert.equal(requests.join("\n"), readFileSync(requestsFile, "utf8"));
});

test("what Fn's client sends is answered as it was", { skip: records && "it is being recorded" }, async () => {
  const platform = await startServer();
  const normal = new Normal({ "<url>": platform.url, "<version>": await versionOf(platform) });
  try {
    for (const { method, target, headers, body, status, answer } of exchangesIn(readFileSync(requestsFile, "utf8"))) {
      const fields = Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ""]] : [])));
      const given = await send(platform.port, {
        method,
        target: normal.from(target),
        headers: fields,
        body: normal.from(body),
      });
      const shown = normal.of(given.body).trimEnd();
      assert.equal(`${given.status} ${shown}`, `${status} ${answer}`, `${method} ${target} ${body}`);
    }
  } finally {
    await platform.stop();
  }
});

function commandsIn(tour: string): string[] {
  return tour.split("\n").flatMap((line) => (line.startsWith("$ ") ? [line.slice(2)] : []));
}

async function versionOf(platform: Platform): Promise<string> {
  const answer = await fetch(`${platform.url}/version`);
  return ((await answer.json()) as { version: string }).version;
}

/** Without what only fills columns. The client lists config in the order of a map of Go's, which is another one each time. */
function settled(printed: string): string {
  const text = printed.replaceAll(/[\t ]+/g, " ").replaceAll(/ ?\n+/g, "\n");
  const [head = "", rows] = text.split("KEY VALUE\n");
  return rows === undefined ? text : `${head}KEY VALUE\n${rows.split("\n").toSorted().join("\n").trimStart()}\n`;
}

/** What a command prints, errors last, and how it ended where that was not well. */
function run(command: string, home: string): Promise<string> {
  const [words = "", input = ""] = command.split(" < ");
  const environment = { ...cleanEnvironment, HOME: home, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
  const child = spawn(client, words.split(" ").slice(1), { env: environment, stdio: "pipe" });
  child.stdin.on("error", () => {}).end(input);
  const printed = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => (printed[stream] += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(`${printed.stdout}${printed.stderr}${code === 0 ? "" : `\n(exit ${code})\n`}`));
  });
}
