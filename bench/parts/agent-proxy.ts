/**
 * Functions of the npm Fn kit as plain processes, and the proxy that one would write for them: `node:http` in front, its `Agent` with kept
 * connections behind, one call at a time for each process, by turns.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment, firstLine } from "../../test/platform.ts";
import type { Reference } from "./references.ts";

/** `folder` has the function's `func.js` and its packages. */
export async function startKitProxy(folder: string, processes: number): Promise<Reference> {
  const sockets = mkdtempSync(join(tmpdir(), "kiln-fdk-"));
  const paths = Array.from({ length: processes }, (_, index) => join(sockets, String(index), "lsnr.sock"));
  const functions = paths.map((path) => {
    mkdirSync(join(path, ".."));
    const env = { ...cleanEnvironment, FN_LISTENER: `unix:${path}`, FN_FORMAT: "http-stream", FN_MEMORY: "128" };
    return spawn(process.execPath, [join(folder, "func.js")], { stdio: ["ignore", "ignore", "inherit"], env });
  });
  const proxy = spawn(process.execPath, [import.meta.filename, ...paths], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment,
  });
  const all = [proxy, ...functions];
  const ended = Promise.all(all.map((child) => new Promise((resolve) => child.once("exit", resolve))));
  const stop = async () => {
    for (const child of all) child.kill("SIGKILL");
    await ended;
    rmSync(sockets, { recursive: true, force: true });
  };
  try {
    const port = Number(await firstLine(proxy));
    for (const giveUpAt = performance.now() + 10_000; !paths.every((path) => existsSync(path)); await sleep(20)) {
      if (performance.now() > giveUpAt) throw new Error("The functions do not listen");
    }
    return { name: "node:http + Agent proxy", port, pid: proxy.pid as number, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding"]);

function serve(paths: readonly string[]): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let calls = 0;
  const server = createServer((incoming, outgoing) => {
    const id = String(++calls);
    const socketPath = paths[calls % paths.length] as string;
    const headers = {
      "content-type": incoming.headers["content-type"],
      "content-length": incoming.headers["content-length"],
      "fn-call-id": id,
      "fn-deadline": new Date(Date.now() + 30_000).toISOString(),
    };
    const call = request({ socketPath, agent, method: "POST", path: "/call", headers }, (answer) => {
      const kept = Object.entries(answer.headers).filter(([name]) => !hopByHop.has(name));
      outgoing.writeHead(Number(answer.headers["fn-http-status"] ?? 200), { ...Object.fromEntries(kept), "fn-call-id": id });
      answer.pipe(outgoing);
    });
    call.on("error", () => outgoing.destroy());
    incoming.pipe(call);
  });
  server.keepAliveTimeout = 600_000;
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
}

if (process.argv[1] === import.meta.filename) serve(process.argv.slice(2));
