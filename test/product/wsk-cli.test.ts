/** OpenWhisk's own client, or what it sent: test/fixtures/openwhisk/cli/README.md. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeZip } from "../archives.ts";
import { commandsIn, run, settled } from "../fn-client.ts";
import { askAgain, dialogueOf, type Exchanged, exchangesIn, Normal, recorder } from "../fn-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Its program; "": none. */
const client = process.env["WSK_CLI"] ?? "";
const isRecorded = client !== "" && process.env["WSK_CLI_RECORD"] === "1";
const folder = join(import.meta.dirname, "../fixtures/openwhisk/cli");
const [tourFile, requestsFile] = [join(folder, "tour.txt"), join(folder, "requests.txt")];

const hello = `function main({ name }) {
  console.log("greeting", name);
  return { greeting: "Hello, " + name + "!" };
}
function env() {
  return { action: process.env.__OW_ACTION_NAME, version: process.env.__OW_ACTION_VERSION };
}
`;
const sum = `def main(args):
    if "fail" in args:
        raise ValueError("as it was told")
    return {"sum": args["a"] + args["b"]}
`;
const part = 'exports.main = () => ({ from: require("./part.js") });';
const zip = makeZip([
  { name: "index.js", data: part },
  { name: "part.js", data: 'module.exports = "a part";' },
]);
const files = { "hello.js": hello, "sum.py": sum, "code.zip": zip, "broken.json": "[1" };

/** Ids as OpenWhisk writes them, and times and durations in all of its ways. */
class WskNormal extends Normal {
  override of(text: string): string {
    const uncoded = text
      .replaceAll(/"code":"[0-9A-Za-z]{32}"/g, '"code":"@"')
      .replaceAll(/\(code [0-9A-Za-z]{32}\)/g, "(code @)");
    const named = uncoded.replaceAll(/\b[0-9a-f]{32}\b/g, (id) => {
      if (!this.ids.includes(id)) this.ids.push(id);
      return `#${this.ids.indexOf(id) + 1}`;
    });
    return super
      .of(named)
      .replaceAll(/"(start|end|duration|updated)": ?\d+/g, '"$1":@')
      .replaceAll(/("key": ?"(?:waitTime|initTime)",\s*"value": ?)\d+/g, "$1@")
      .replaceAll(/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, "@")
      .replaceAll(/\b\d+(?:\.\d+)?m?s\b/g, "@");
  }
}

function wordsFor(platform: Platform, url: string): Record<string, string> {
  return { "<url>": url, "<auth>": platform.auth, "<basic>": `Basic ${btoa(platform.auth)}` };
}

test("a tour with OpenWhisk's client reads as with OpenWhisk's server", {
  skip: client === "" && "WSK_CLI names no client",
}, async () => {
  const platform = await startPlatform();
  const home = mkdtempSync(join(tmpdir(), "kiln-wsk-"));
  const exchanged: Exchanged[] = [];
  const between = await recorder(platform.port, (one) => exchanged.push(one));
  // Apart, since an activation's id may be printed that is in no body.
  const words = { ...wordsFor(platform, between.url), "<home>": home };
  const [normal, normalSent] = [new WskNormal(words), new WskNormal(words)];
  for (const [name, data] of Object.entries(files)) writeFileSync(join(home, name), data);
  writeFileSync(join(home, ".wskprops"), `APIHOST=${between.url}\nAUTH=${platform.auth}\nNAMESPACE=_\n`);
  const lines: string[] = [];
  const requests: string[] = [];
  try {
    for (const command of commandsIn(readFileSync(tourFile, "utf8"))) {
      const typed = normal.from(command).split(" ").slice(1);
      const printed = await run(client, typed, { home, input: "", cwd: home });
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

test("what OpenWhisk's client sends is answered as it was", { skip: isRecorded && "it is being recorded" }, async () => {
  const platform = await startPlatform();
  const words = wordsFor(platform, platform.url);
  const normal = new WskNormal(words);
  try {
    for (const exchanged of exchangesIn(readFileSync(requestsFile, "utf8"))) {
      const { method, target, body, status, answer } = exchanged;
      const asked = { ...exchanged, headers: [...exchanged.headers, "authorization", words["<basic>"] as string] };
      assert.equal(await askAgain(platform.port, asked, normal), `${status} ${answer}`, `${method} ${target} ${body}`);
    }
  } finally {
    await platform.stop();
  }
});
