/**
 * Any program: the body on STDIN, the result on STDOUT, logs on STDERR, one process a call; what Fn once called the format
 * `default`, with its environment.
 */
import type { World } from "../../lib/world.ts";
import type { Fn } from "../../model/model.ts";
import type { FunctionProtocol, Launch, LaunchApp, LaunchRequest } from "../protocol.ts";
import { callEnvironment, functionEnvironment } from "./environment.ts";
import { StdioSession } from "./session.ts";

/** One for all functions of a process. */
export function stdioProtocol(world: World): FunctionProtocol {
  return {
    name: "stdio",
    once: true,
    serial: true,
    attributesOutput: false,
    launch,
    async open(_fn, dial, _hooks, signal) {
      return new StdioSession(await dial(signal), world);
    },
  };
}

function launch(fn: Fn, app: LaunchApp, request?: LaunchRequest | null): Launch {
  return {
    env: { ...functionEnvironment(fn, app, "default"), ...(request ? callEnvironment(request) : {}) },
    endpoint: { via: "stdio" },
    shim: false,
  };
}
