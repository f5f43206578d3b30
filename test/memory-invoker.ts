/** An Invoker that runs JavaScript functions of the test instead of sandboxes. */
import type { FunctionReference, InvokeRequest, InvokeResult, Invoker } from "../src/invocation/invocation.ts";
import type { BodySource } from "../src/lib/body.ts";
import { bytesBody, readBody } from "../src/lib/body.ts";
import type { World } from "../src/lib/world.ts";
import { PlatformError, asPlatformError } from "../src/model/error.ts";
import type { Activation, Fn } from "../src/model/model.ts";
import type { Store } from "../src/store/store.ts";

/** A call as the test's function sees it. */
export interface MemoryCall {
  readonly request: InvokeRequest;
  readonly fn: Fn;
  readonly callId: string;
  readonly body: string;
}

export interface MemoryAnswer {
  readonly status?: number;
  readonly headers?: readonly string[];
  readonly body?: string | BodySource;
}

/** Resolves the function in the store and runs `code`; what that throws is the result's error. */
export function memoryInvoker(
  store: Store,
  world: World,
  code: (call: MemoryCall) => MemoryAnswer | Promise<MemoryAnswer>,
): Invoker {
  const invoker: Invoker = {
    begin: (request, signal, caller) => void invoker.invoke(request, signal).then((result) => caller.told(result)),
    async invoke(request) {
      let fn: Fn | null = null;
      let activationId: string | null = null;
      try {
        fn = await resolve(store, request.namespace, request.target);
        activationId = world.newId();
        const body = await readBody(request.body, 1 << 20, () => new PlatformError("too_large", "body"));
        const answer = await code({ request, fn, callId: activationId, body: body.toString() });
        return success(fn, activationId, answer);
      } catch (error) {
        return { ok: false, activationId, fn, error: asPlatformError(error), recorded: null };
      }
    },
  };
  return invoker;
}

function success(fn: Fn, activationId: string, { status = 200, headers = [], body = "" }: MemoryAnswer): InvokeResult {
  const source = typeof body === "string" ? bytesBody(Buffer.from(body)) : body;
  return { ok: true, activationId, fn, status, headers, body: source, recorded: new Promise<Activation>(() => {}) };
}

async function resolve(store: Store, namespace: string, target: FunctionReference): Promise<Fn> {
  if (target.by === "id") return found("function", await store.functions.get(namespace, target.functionId));
  const app = target.app === null ? null : found("app", await store.apps.getByName(namespace, target.app));
  if (target.by === "name") return found("function", await store.functions.getByName(namespace, app?.id ?? null, target.name));
  const route = found("route", await store.routes.getBySource(namespace, app?.id ?? "", target.source));
  return found("function", await store.functions.get(namespace, route.functionId));
}

function found<T>(what: string, item: T | undefined): T {
  if (item === undefined) throw new PlatformError("not_found", `No such ${what}`, { details: { what } });
  return item;
}
