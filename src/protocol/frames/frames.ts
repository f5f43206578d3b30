/**
 * The contract of our own runtimes (`runtimes/`): the program inside connects back and speaks `docs/frames.md`.
 *
 * Promises: any number of calls at a time over one connection, bodies as pieces both ways with back-pressure, output attributed to
 * its call. Deliberately absent: processes and time (agent/ kills), what handlers look like (the runtimes decide).
 */
import type { Fn } from "../../model/model.ts";
import type { Dial, FunctionProtocol, Launch, LaunchApp, Session, SessionHooks } from "../protocol.ts";
import { FramesSession, type SessionInit } from "./session.ts";

/** Where sandboxes show the code; those without a root of their own name another place in `KILN_CODE`. */
const codeFolder = "/function";

/** One for all functions of a process. */
export function frames(): FunctionProtocol {
  return {
    name: "frames",
    once: false,
    serial: false,
    attributesOutput: true,
    launch,
    open: (fn, dial, hooks, signal) => open(initOf(fn), dial, hooks, signal),
  };
}

function launch(fn: Fn, app: LaunchApp): Launch {
  return {
    env: { ...app.config, ...fn.config, ...identity(fn, app) },
    endpoint: { via: "callback" },
    shim: true,
  };
}

/** Last in the environment: no configuration passes itself off as the platform. */
function identity(fn: Fn, app: LaunchApp): Record<string, string> {
  return {
    KILN_NAMESPACE: fn.namespace,
    KILN_APP: app.name ?? "",
    KILN_FUNCTION: fn.name,
    KILN_FUNCTION_ID: fn.id,
    KILN_REVISION: String(fn.revision),
    KILN_MEMORY_MIB: String(fn.memoryMiB),
  };
}

function initOf(fn: Fn): SessionInit {
  const handler = fn.source.type === "code" ? fn.source.handler : null;
  return { code: codeFolder, handler, concurrency: fn.concurrency };
}

async function open(init: SessionInit, dial: Dial, hooks: SessionHooks, signal: AbortSignal): Promise<Session> {
  const connection = await dial(signal);
  return await new Promise<Session>((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener("abort", abort);
      act();
    };
    const session = new FramesSession(connection, init, hooks, {
      ready: () => settle(() => resolve(session)),
      failed: (error) => settle(() => reject(error)),
    });
    const abort = () => {
      reject(signal.reason as Error);
      session.close();
    };
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}
