/**
 * Any HTTP server that listens on `$PORT`: requests and answers pass as they are, both as streams, as many at a time as the
 * function's concurrency allows.
 */
import type { World } from "../../lib/world.ts";
import type { FunctionProtocol } from "../protocol.ts";
import { HttpPortSession } from "./session.ts";

const port = 8080;

/** One for all functions of a process. */
export function httpPortProtocol(world: World): FunctionProtocol {
  return {
    name: "http-port",
    once: false,
    serial: false,
    attributesOutput: false,
    launch: (fn, app) => ({
      env: { HOST: "127.0.0.1", ...app.config, ...fn.config, PORT: String(port) },
      endpoint: { via: "tcp", port, connections: fn.concurrency },
      shim: false,
    }),
    async open(_fn, dial, _hooks, signal) {
      // Ready means connected; a server that knows better has no way to say so.
      return new HttpPortSession(await dial(signal), dial, world);
    },
  };
}
