import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment, startPlatform } from "../test/platform.ts";
import { untilServed } from "../test/product/dev-server.ts";
import { type Bench, compare, median } from "./bench.ts";

const edits = 20;
/** What somebody waits for who has saved a file and wants to see it, in ms. */
const targetMs = 400;
/** The same on a machine of any speed: a deploy is a start of the client and a start of the code. */
const ratioMax = 5;

const client = join(import.meta.dirname, "../src/cli/main.ts");
const source = (text: string) => `const http = require("node:http"), fs = require("node:fs");
const path = process.env.FN_LISTENER.slice("unix:".length);
const server = http.createServer((request, response) => request.resume().on("end", () => response.end(${JSON.stringify(text)})));
server.listen(path + ".own", () => { fs.chmodSync(path + ".own", 0o666); fs.symlinkSync("lsnr.sock.own", path); });
`;

/** A function of Fn's: from the write of its file, by `polykiln deploy` as its own process, to the first answer with the new text. */
export const bench: Bench = {
  question: "How long after an edit does a deploy without Docker serve the new code of a Node function?",
  unit: "ms",
  async run() {
    const home = mkdtempSync(join(tmpdir(), "kiln-deploy-"));
    chmodSync(home, 0o711);
    const folder = join(home, "project");
    mkdirSync(folder);
    const yaml = "schema_version: 20180708\nname: hello\nversion: 0.0.1\nruntime: node\nentrypoint: node func.js\n";
    writeFileSync(join(folder, "func.yaml"), yaml);
    const platform = await startPlatform();
    try {
      // What is shipped has no types to take out of its sources: here that is done once.
      const env = { ...cleanEnvironment, HOME: home, POLYKILN_URL: platform.url, NODE_COMPILE_CACHE: join(home, "compiled") };
      const url = `${platform.url}/kiln/v1/namespaces/guest/apps/project/functions/hello/invoke`;
      const servedMs: number[] = [];
      const plainMs: number[] = [];
      // The first one makes the function, and is not counted.
      for (let edit = 0; edit <= edits; edit++) {
        const beganAt = performance.now();
        writeFileSync(join(folder, "func.js"), source(`edit ${edit}.`));
        await node([client, "deploy"], folder, env);
        const took = await untilServed(url, `edit ${edit}.`, beganAt);
        if (edit > 0) servedMs.push(took);
        const plainAt = performance.now();
        await node(["-e", ""], folder, env);
        plainMs.push(performance.now() - plainAt);
      }
      const metric = "edit to served, p50";
      const checks = [
        compare(metric, median(servedMs), "what may be waited for", targetMs, 1),
        compare(metric, median(servedMs), "two plain node starts, p50", 2 * median(plainMs), ratioMax),
      ];
      return { n: edits, checks };
    } finally {
      await platform.stop();
      rmSync(home, { recursive: true, force: true });
    }
  },
};

function node(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    cwd,
    env,
    stdio: "ignore",
    timeout: 60_000,
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`node ${args.join(" ")} ended with ${code}`))));
  });
}
