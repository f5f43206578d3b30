/**
 * OpenWhisk's contract for containers: an HTTP/1.1 server on port 8080 that takes its code once (`POST /init`) and then calls (`POST /run`), and
 * prints a mark on both streams at the end of each.
 *
 * Promises: never a second `/init`, and no call before the first was answered; parameters in, one object or array out, and an error of the
 * code is told as by our own runtimes. Deliberately absent: bodies as streams, and calls that a proxy tells apart in its output.
 */
import type { World } from "../../lib/world.ts";
import type { Fn } from "../../model/model.ts";
import type { ApiAccess } from "../api-access.ts";
import type { Dial, FunctionProtocol, Launch, LaunchApp, SessionHooks } from "../protocol.ts";
import { identityOf, initMessage, type ProxyCode } from "./messages.ts";
import { endMark } from "./output.ts";
import { ActionProxySession } from "./session.ts";

const port = 8080;
const noApp: LaunchApp = { name: null, config: {} };

export interface ActionProxyParts {
  readonly world: World;
  readonly api: ApiAccess;
  /** Code that was stored for a function of an image. Rejects where it is gone. */
  code(digest: string): Promise<ProxyCode>;
}

/** One for all functions of a process. */
export function actionProxyProtocol(parts: ActionProxyParts): FunctionProtocol {
  return {
    name: "action-proxy",
    once: false,
    serial: false,
    attributesOutput: true,
    launch: (fn, app) => launch(fn, app, parts.api),
    open: (fn, dial, hooks, signal, app = noApp) => open(parts, fn, app, dial, hooks, signal),
  };
}

function launch(fn: Fn, app: LaunchApp, api: ApiAccess): Launch {
  return {
    env: {
      ...app.config,
      ...fn.config,
      __OW_API_HOST: api.url(fn),
      __OW_ALLOW_CONCURRENT: String(fn.concurrency > 1),
    },
    endpoint: { via: "tcp", port, connections: fn.concurrency },
    hiddenLine: endMark,
    loadMsMax: fn.timeoutMs,
    // Where OpenWhisk's own images put code that they are given.
    writable: ["/action", "."],
    shim: false,
  };
}

async function open(
  { world, api, code }: ActionProxyParts,
  fn: Fn,
  app: LaunchApp,
  dial: Dial,
  hooks: SessionHooks,
  signal: AbortSignal,
): Promise<ActionProxySession> {
  const { source } = fn;
  const own = source.type === "image" && source.digest !== undefined ? await code(source.digest) : null;
  const identity = identityOf(fn, app, api);
  const session = new ActionProxySession(await dial(signal), { fn, identity, apiHost: api.url(fn), dial, hooks, world });
  try {
    await session.init(initMessage(fn, app, own, identity), signal);
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}
