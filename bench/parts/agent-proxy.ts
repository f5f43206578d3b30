/**
 * The proxy that one would write for functions of the npm Fn kit: `node:http` in front, its `Agent` with kept connections behind, one call
 * at a time for each function, by turns. The functions are in sandboxes like ours, which print what ours print.
 */
import { spawn } from "node:child_process";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { cleanEnvironment, firstLine } from "../../test/platform.ts";
import { startKitSandboxes } from "./kit-sandboxes.ts";
import type { Reference } from "./references.ts";

/** `folder` has the function's `func.js` and its packages. */
export async function startKitProxy(folder: string, count: number): Promise<Reference> {
  const kits = await startKitSandboxes(folder, count);
  const proxy = spawn(process.execPath, [import.meta.filename, ...kits.sockets], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment,
  });
  const ended = new Promise((resolve) => proxy.once("exit", resolve));
  const stop = async () => {
    proxy.kill("SIGKILL");
    await ended;
    await kits.stop();
  };
  try {
    return { name: "node:http + Agent proxy", port: Number(await firstLine(proxy)), pid: proxy.pid as number, stop };
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
