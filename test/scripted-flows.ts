/** Calls that consist of others, over an agent whose functions are JavaScript of the test: what they are sent in, what they answer out. */
import assert from "node:assert/strict";
import type { AgentCall, AgentLink } from "../src/agent/link.ts";
import type { InvokeRequest, InvokeResult } from "../src/invocation/invocation.ts";
import { nothingRan } from "../src/invocation/outcome.ts";
import { bytesBody, readBody } from "../src/lib/body.ts";
import type { CancelSignal } from "../src/lib/cancel.ts";
import { realWorld, type World } from "../src/lib/world.ts";
import { asPlatformError, PlatformError } from "../src/model/error.ts";
import { deliveryDefaults } from "../src/model/fn-defaults.ts";
import { parseNamedPath } from "../src/model/function-name.ts";
import type { Activation, Fn } from "../src/model/model.ts";
import { assembledInvocation, everyone } from "./assembled-invocation.ts";
import { sampleFn } from "./samples.ts";

/** Throws, or rejects, for what is no answer. A text is answered as such. A member `error` fails the call, but not that of an image. */
export type Script = (parameters: Readonly<Record<string, unknown>>, call: AgentCall, signal: CancelSignal) => unknown;

/** Functions by name: scripts, or the names of a sequence's components. */
export type Functions = Readonly<Record<string, Script | readonly string[]>>;

/** How long the code takes, as its record says. */
export const scriptMs = 10;

/** What a flow looks like once it is over. */
export interface FlowEnd {
  readonly id: string;
  readonly record: Activation;
  /** What was answered; null where there was nothing. */
  readonly answer: unknown;
  readonly error: PlatformError | null;
  /** Records of its steps, in their order. */
  readonly steps: readonly Activation[];
}

export type FlowWorld = Awaited<ReturnType<typeof flowWorld>>;

/** A server over parts in memory with these functions; `fields`: of one of them, by name. */
export async function flowWorld(
  functions: Functions,
  fields: Readonly<Record<string, Partial<Fn>>> = {},
  options: { readonly callsMax?: number; readonly world?: World } = {},
) {
  const world = options.world ?? realWorld();
  const link = scriptedLink(functions);
  const fns = Object.entries(functions).map(([name, what]) => functionOf(world.newId(), name, what, fields[name]));
  const parts = await assembledInvocation(fns, { ...options, world, link });
  const { invoker, calls, start, close } = parts.started();
  const shown = async (id: string, record: Activation, result: InvokeResult | null): Promise<FlowEnd> => {
    const ids = (result?.kept?.steps ?? []) as readonly string[];
    const steps = await Promise.all(ids.map(async (step) => (await parts.recorder.get("guest", step)) as Activation));
    const kept = await parts.recorder.result("guest", id);
    const answer: unknown = kept === undefined ? null : JSON.parse(Buffer.from(kept.body).toString());
    return { id, record, answer, error: result?.ok === false ? result.error : null, steps };
  };
  const call = async (
    name: string,
    payload: unknown = {},
    signal: CancelSignal = new AbortController().signal,
  ): Promise<FlowEnd> => {
    const result = await new Promise<InvokeResult>((resolve) =>
      invoker.begin(requestOf(name, JSON.stringify(payload)), signal, { told: resolve }),
    );
    assert.ok(result.kept, result.ok ? "" : result.error.message);
    return await shown(result.kept.record.id, result.kept.record, result);
  };
  return { ...parts, invoker, calls, start, close, requestOf, call };
}

function requestOf(name: string, body: string): InvokeRequest {
  const target = { by: "name", app: null, name } as const;
  return {
    caller: everyone,
    namespace: "guest",
    target,
    headers: [],
    http: null,
    body: bytesBody(Buffer.from(body)),
    keep: true,
  };
}

function functionOf(id: string, name: string, what: Script | readonly string[], fields: Partial<Fn> = {}): Fn {
  const delivery = { ...deliveryDefaults, attemptsMax: 1 };
  const code = {
    type: "code",
    kind: "nodejs:24",
    digest: "0".repeat(64),
    handler: null,
    command: null,
    convention: "parameters",
  } as const;
  const components = typeof what === "function" ? [] : what.map((text) => componentOf(text));
  const source = typeof what === "function" ? code : ({ type: "sequence", components } as const);
  return sampleFn({ id, name, source, delivery, timeoutMs: 60_000, ...fields });
}

function componentOf(text: string) {
  const name = parseNamedPath(text, "guest");
  assert.ok(name, text);
  return name;
}

function scriptedLink(functions: Functions): AgentLink {
  return {
    agentId: "scripts",
    refusal: () => null,
    run: (call, signal) => void run(functions[call.fn.name] as Script, call, signal),
  };
}

async function run(script: Script, call: AgentCall, signal: CancelSignal): Promise<void> {
  const report = { ...nothingRan, start: "hot", runMs: scriptMs, error: null } as const;
  try {
    const sent = (await readBody(call.request.body, 1 << 20, () => new Error("too large"))).toString();
    const answer = await script((sent === "" ? {} : JSON.parse(sent)) as Record<string, unknown>, call, signal);
    const isText = typeof answer === "string";
    const isFailure = call.fn.source.type === "code" && (answer as { error?: unknown }).error !== undefined;
    const headers = ["content-type", isText ? "text/plain" : "application/json"];
    call.answered(isFailure ? 502 : 200, headers, bytesBody(Buffer.from(isText ? answer : JSON.stringify(answer))));
    call.report(report);
  } catch (thrown) {
    const error = thrown instanceof Error && !(thrown instanceof PlatformError) ? broken(thrown) : asPlatformError(thrown);
    call.report({ ...report, error });
    call.failed(error);
  }
}

function broken(error: Error): PlatformError {
  return new PlatformError("function_failed", error.message);
}

/** A script that runs until its call is cancelled. */
export const hang: Script = (_parameters, _call, signal) =>
  new Promise((_resolve, reject) => {
    const end = () => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
  });
