/** OpenWhisk's own client, or what it sent: test/fixtures/openwhisk/cli/README.md. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeZip } from "../archives.ts";
import { askTourAgain, takeTour, type Tour } from "../client-tour.ts";
import { Normal } from "../fn-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Its program; "": none. */
const client = process.env["WSK_CLI"] ?? "";
const isRecorded = client !== "" && process.env["WSK_CLI_RECORD"] === "1";
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

const credentials = ({ auth }: Platform) => `Basic ${btoa(auth)}`;

const tour: Tour = {
  client,
  folder: join(import.meta.dirname, "../fixtures/openwhisk/cli"),
  isRecorded,
  start: startPlatform,
  furnish(home, { auth }, url) {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(home, name), data);
    writeFileSync(join(home, ".wskprops"), `APIHOST=${url}\nAUTH=${auth}\nNAMESPACE=_\n`);
  },
  normal: (platform, { url, home }) =>
    new WskNormal({
      "<url>": url,
      "<auth>": platform.auth,
      "<basic>": credentials(platform),
      ...(home !== "" && { "<home>": home }),
    }),
  headers: (platform) => ["authorization", credentials(platform)],
};

test(
  "a tour with OpenWhisk's client reads as with OpenWhisk's server",
  {
    skip: client === "" && "WSK_CLI names no client",
  },
  () => takeTour(tour),
);

test("what OpenWhisk's client sends is answered as it was", { skip: isRecorded && "it is being recorded" }, () =>
  askTourAgain(tour),
);
