/** OpenWhisk's own client, or what it sent: test/fixtures/openwhisk/cli/README.md. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeZip } from "../archives.ts";
import { askTourAgain, takeTour } from "../client-tour.ts";
import { wskTour } from "../wsk-tour.ts";

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
const turns = `function main({ n, error }) {
  return error || n > 3 ? { params: { n, error } } : { action: "twice", params: { n } };
}
`;
const steps = {
  "twice.js": "function main({ n }) { return { n: 2 * n }; }\n",
  "refuse.js": 'function main() { return { error: "as it was told" }; }\n',
  "turns.js": turns,
  "page.js": "function main({ body }) { return { statusCode: 201, body }; }\n",
};
const part = 'exports.main = () => ({ from: require("./part.js") });';
const zip = makeZip([
  { name: "index.js", data: part },
  { name: "part.js", data: 'module.exports = "a part";' },
]);
const files = { "hello.js": hello, "sum.py": sum, "code.zip": zip, "broken.json": "[1", ...steps };

const tour = wskTour({
  client: process.env["WSK_CLI"] ?? "",
  folder: join(import.meta.dirname, "../fixtures/openwhisk/cli"),
  lay(home) {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(home, name), data);
  },
});

test(
  "a tour with OpenWhisk's client reads as with OpenWhisk's server",
  {
    skip: tour.client === "" && "WSK_CLI names no client",
  },
  () => takeTour(tour),
);

test("what OpenWhisk's client sends is answered as it was", { skip: tour.isRecorded && "it is being recorded" }, () =>
  askTourAgain(tour),
);
