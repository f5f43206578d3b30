/** Projects as Fn's client makes them, for tests. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A folder of a project by its files. */
export function folderOf(parent: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(parent, "p-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** `func.js` that speaks Fn's contract with nothing but Node: greets by name, and says what LAYER is; the name `error` makes it fail. */
export const greeter = `const http = require("node:http"), fs = require("node:fs");
const path = process.env.FN_LISTENER.slice("unix:".length);
const server = http.createServer((request, response) => {
  let text = "";
  request.on("data", (piece) => (text += piece)).on("end", () => {
    const name = text === "" ? "World" : JSON.parse(text).name;
    response.writeHead(name === "error" ? 502 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: "Hello " + name, layer: process.env.LAYER }));
  });
});
server.listen(path + ".own", () => { fs.chmodSync(path + ".own", 0o666); fs.symlinkSync("lsnr.sock.own", path); });
`;

/** A `func.yaml` of the current version. */
export const funcYaml = (name: string, more = ""): string =>
  `schema_version: 20180708\nname: ${name}\nversion: 0.0.1\nruntime: node\nentrypoint: node func.js\n${more}`;
