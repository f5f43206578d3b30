/** The programs of the sandbox contract for drivers that start real ones, as Node scripts. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { ProgramName } from "./sandbox.ts";

const sources: Readonly<Record<ProgramName, string>> = {
  "echo-callback": `const s = require("node:net").connect(process.env.KILN_SOCKET); s.pipe(s);`,
  "echo-stdio": `process.stderr.write("started\\n"); process.stdin.pipe(process.stdout);`,
  "echo-unix": `require("node:net").createServer((s) => s.pipe(s)).listen(process.env.LISTEN);`,
  "echo-port": `setTimeout(() => require("node:net").createServer((s) => s.pipe(s)).listen(Number(process.env.PORT), "127.0.0.1"), 200);`,
  "echo-loopback": `
    const [host, port] = process.env.OURS.split(":");
    for (let i = 0; i < 2; i++) { const s = require("node:net").connect(Number(port), host); s.pipe(s); }`,
  print: `
    const fs = require("node:fs");
    fs.writeSync(1, "one\\n"); fs.writeSync(2, "two\\n"); fs.writeSync(1, "three\\n");
    process.exit(3);`,
  tell: `
    const s = require("node:net").connect(process.env.KILN_SOCKET);
    s.end(JSON.stringify({ args: process.argv.slice(2), env: process.env }));`,
  places: `
    const fs = require("node:fs");
    const { CODE, LAYERS, NAME } = process.env;
    const writes = [CODE, LAYERS].filter((folder) => { try { fs.writeFileSync(folder + "/x", ""); return true; } catch { return false; } });
    const [finds, named] = [fs.existsSync(CODE + "/places.cjs"), fs.readFileSync("/etc/hosts", "utf8").includes(NAME)];
    console.log(JSON.stringify({ starts: process.cwd(), finds, note: fs.readFileSync(LAYERS + "/lib/note", "utf8"), writes, named }));`,
  stay: `
    process.on("SIGTERM", () => {});
    require("node:child_process").spawn(process.execPath, ["-e", 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);']);
    setInterval(() => {}, 1000);
    process.stdout.write("ready\\n");`,
};

/** Writes them into a folder that becomes the code of a sandbox. */
export function writePrograms(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, source] of Object.entries(sources)) writeFileSync(`${folder}/${name}.cjs`, source);
}
