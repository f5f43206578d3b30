/** A plain server that has nothing to do with ours: what it waits for is the machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { cleanEnvironment, firstLine } from "../platform.ts";

const program = `const server = require("node:http").createServer((request, response) => response.end("here"));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

export interface Bystander {
  readonly port: number;
  /** One request, in ms. */
  wait(): Promise<number>;
  stop(): Promise<void>;
}

export async function startBystander(): Promise<Bystander> {
  const child: ChildProcess = spawn(process.execPath, ["-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment,
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const port = Number(await firstLine(child));
  const url = `http://127.0.0.1:${port}/`;
  return {
    port,
    async wait() {
      const beganAt = performance.now();
      await (await fetch(url)).text();
      return performance.now() - beganAt;
    },
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
