/** An Invoker that runs JavaScript functions of the test instead of sandboxes. */
import { type Definition, Definitions } from "../src/invocation/definitions.ts";
import { activationOf, identityOf, nothingRan } from "../src/invocation/outcome.ts";
import type { LogStore } from "../src/logs/logs.ts";
import type { InvokeRequest, InvokeResult, Invoker } from "../src/invocation/invocation.ts";
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
  /** Lines of its log. */
  readonly printed?: readonly string[];
}

/** Finds the function in the store, runs `code` and leaves a record; what `code` throws is the result's error. */
export function memoryInvoker(store: Store, world: World, code: (call: MemoryCall) => MemoryAnswer, logs: LogStore): Invoker {
  const invoker: Invoker = {
    begin: (request, signal, caller) => void invoker.invoke(request, signal).then((result) => caller.told(result)),
    async invoke(request) {
      let definition: Definition | null = null;
      let activationId: string | null = null;
      const startedAt = world.now();
      try {
        definition = await new Definitions(store, world).load(request.namespace, request.target);
        activationId = world.newId();
        const { fn } = definition;
        const body = await readBody(request.body, 1 << 20, () => new PlatformError("too_large", "body"));
        const answer = code({ request, fn, callId: activationId, body: body.toString() });
        const owner = { ...ownerOf(fn), activationId };
        const lines = (answer.printed ?? []).map((text) => ({ at: startedAt, stream: "stdout", text }) as const);
        await logs.append(lines.map((line) => Object.assign({ line }, owner)));
        await record(definition, activationId, null);
        return success(fn, activationId, answer);
      } catch (thrown) {
        const error = asPlatformError(thrown);
        if (definition !== null && activationId !== null) await record(definition, activationId, error);
        return { ok: false, activationId, fn: definition?.fn ?? null, error, recorded: null };
      }

      async function record(of: Definition, id: string, error: PlatformError | null): Promise<void> {
        const times = { startedAt, endedAt: world.now(), attempt: 1, traceId: null };
        await store.activations.append([activationOf(identityOf(of, id), times, { ...nothingRan, error })]);
      }
    },
  };
  return invoker;
}

function ownerOf({ namespace, appId, id, name }: Fn) {
  return { namespace, appId, functionId: id, functionName: name };
}

function success(fn: Fn, activationId: string, { status = 200, headers = [], body = "" }: MemoryAnswer): InvokeResult {
  const source = typeof body === "string" ? bytesBody(Buffer.from(body)) : body;
  return { ok: true, activationId, fn, status, headers, body: source, recorded: new Promise<Activation>(() => {}) };
}
