/**
 * The contract of our own runtimes (`runtimes/`): the program inside connects back and speaks `docs/frames.md`.
 *
 * Promises: any number of calls at a time over one connection, bodies as pieces both ways with back-pressure, output attributed to
 * its call. Deliberately absent: processes and time (agent/ kills), what handlers look like (the runtimes decide).
 */
import type { Duplex } from "node:stream";
import { realWorld } from "../../lib/world.ts";
import type { Fn } from "../../model/model.ts";
import { type ApiAccess, apiKeyOf, noApi } from "../api-access.ts";
import type { FunctionProtocol, Launch, LaunchApp, SessionHooks } from "../protocol.ts";
import { lambdaPlaceDefaults, taskFolder } from "../runtime-api/environment.ts";
import { openBlank } from "./blank.ts";
import { extendedLaunch, isExtended, openExtended } from "./extended.ts";
import { isLambda, type LambdaParts, lambdaArnOf, lambdaEnvironment } from "./lambda.ts";
import { FramesSession, type SessionInit } from "./session.ts";

/** Says in which app the function is; empty: in none. */
const appVariable = "KILN_APP";

/** Where sandboxes show the code; those without a root of their own name another place in `KILN_CODE`. */
const codeFolder = "/function";

/** One for all functions of a process. */
export function frames(api: ApiAccess = noApi, lambda: LambdaParts = nowhere()): FunctionProtocol {
  return {
    name: "frames",
    once: false,
    serial: false,
    attributesOutput: true,
    launch: (fn, app) => (isLambda(fn) ? lambdaLaunch(launch(fn, app, api), fn, app, lambda) : launch(fn, app, api)),
    open: async (fn, dial, hooks, signal, app) => {
      const init = { code: codeFolder, ...initOf(fn, app?.name ?? null, lambda) };
      const open = (connection: Duplex, heard: SessionHooks) => openSession(connection, init, heard, signal);
      if (isExtended(fn)) return await openExtended(fn, dial, hooks, signal, { app, lambda, open });
      return await open(await dial(signal), hooks);
    },
    blank: {
      // Nobody knows yet what its code will be.
      launch: { env: {}, endpoint: { via: "callback" }, shim: true, codePlace: taskFolder },
      open: async (dial, until) => {
        const runtime = await openBlank(await dial(until), until);
        return {
          get usable() {
            return runtime.usable;
          },
          load: (fn, { folder, env }, hooks, signal) => {
            const { connection, hello } = runtime.release();
            const init = initOf(fn, env[appVariable] || null, lambda);
            return openSession(connection, { code: folder, ...init, env }, hooks, signal, hello);
          },
          close: () => runtime.close(),
        };
      },
    },
  };
}

function launch(fn: Fn, app: LaunchApp, api: ApiAccess): Launch {
  const key = apiKeyOf(fn, api);
  return {
    env: {
      ...app.config,
      ...fn.config,
      ...identity(fn, app),
      KILN_API_URL: api.url(fn),
      ...(key === null ? {} : { __OW_API_KEY: key }),
    },
    endpoint: { via: "callback" },
    shim: true,
  };
}

/** What its owner set there wins over what only has a default. */
function lambdaLaunch(launched: Launch, fn: Fn, app: LaunchApp, parts: LambdaParts): Launch {
  const env = lambdaEnvironment(launched.env, fn, app.name, parts);
  return extendedLaunch({ ...launched, env, codePlace: taskFolder }, fn, app);
}

/** Where nobody says where that is. */
function nowhere(): LambdaParts {
  return { place: lambdaPlaceDefaults, world: realWorld() };
}

/** Last in the environment: no configuration passes itself off as the platform. */
function identity(fn: Fn, app: LaunchApp): Record<string, string> {
  return {
    KILN_NAMESPACE: fn.namespace,
    KILN_OWNER: app.namespace ?? fn.namespace,
    [appVariable]: app.name ?? "",
    KILN_FUNCTION: fn.name,
    KILN_FUNCTION_ID: fn.id,
    KILN_REVISION: String(fn.revision),
    KILN_MEMORY_MIB: String(fn.memoryMiB),
  };
}

function initOf(fn: Fn, app: string | null, lambda: LambdaParts): Omit<SessionInit, "code"> {
  if (fn.source.type !== "code") return { handler: null, concurrency: fn.concurrency };
  const { handler, convention } = fn.source;
  const init = { handler, concurrency: fn.concurrency };
  if (convention === "lambda") return { ...init, convention, arn: lambdaArnOf(fn, app, lambda) };
  return convention === "parameters" ? { ...init, convention, ...parametersOf(fn) } : init;
}

/** What is in the environment is no parameter as well. */
function parametersOf({ parameters, config }: Fn): Pick<SessionInit, "parameters" | "reserved"> {
  const reserved = Object.keys(config);
  const given = Object.entries(parameters).filter(([name]) => !Object.hasOwn(config, name));
  return { parameters: Object.fromEntries(given), ...(reserved.length === 0 ? {} : { reserved }) };
}

function openSession(
  connection: Duplex,
  init: SessionInit,
  hooks: SessionHooks,
  signal: AbortSignal,
  hello?: Buffer,
): Promise<FramesSession> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal.removeEventListener("abort", abort);
      act();
    };
    const session = new FramesSession(connection, init, hooks, {
      ...(hello === undefined ? {} : { hello }),
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
