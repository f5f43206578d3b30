import { createHash } from "node:crypto";
import type { CallHooks, HookedCall } from "../invocation/invocation.ts";
import type { Activation, Fn } from "../model/model.ts";
import { limits } from "../model/limits.ts";
import type { CallOverride, ComingCall, Extension } from "./extensions.ts";
import type { Guard } from "./guard.ts";

/** The hooks of calls; undefined where no extension has any, so that calls pay nothing. */
export function callHooks(extensions: readonly Extension[], guard: Guard): CallHooks | undefined {
  const befores = extensions.filter(({ calls }) => calls?.before !== undefined);
  const overrider = extensions.find(({ callOverrider }) => callOverrider !== undefined);
  if (befores.length === 0 && overrider === undefined) return undefined;
  const override: CallHooks["override"] = async (call) => {
    if (overrider?.callOverrider === undefined) return call;
    const at = { extension: overrider.name, point: "callOverrider" };
    return guard.ask(at, async () => overridden(call, await overrider.callOverrider?.(comingCall(call))));
  };
  return {
    override,
    async before(call) {
      for (const { name, calls } of befores) {
        await guard.ask({ extension: name, point: "calls.before" }, () => calls?.before?.(comingCall(call)));
      }
    },
  };
}

/** Hears of every record; undefined where nobody does. */
export function recordHook(extensions: readonly Extension[], guard: Guard): ((record: Activation) => void) | undefined {
  const afters = extensions.filter(({ calls }) => calls?.after !== undefined);
  if (afters.length === 0) return undefined;
  return (record) => {
    for (const { name, calls } of afters)
      void guard.tell({ extension: name, point: "calls.after" }, () => calls?.after?.(record));
  };
}

function comingCall({ id, definition, headers, asynchronous }: HookedCall): ComingCall {
  const { fn, app, route, extensions = {} } = definition;
  return { id, fn, app, route, headers, asynchronous, extensions };
}

/** Throws what is wrong with an override: a fault of the extension. */
function overridden(call: HookedCall, override: CallOverride | void): HookedCall {
  if (override === undefined) return call;
  const { definition } = call;
  const { headers = call.headers, extensions = definition.extensions } = override;
  if (headers.length % 2 !== 0 || !headers.every((text) => typeof text === "string"))
    throw new Error("Its headers are no names and values by turns");
  return { ...call, headers, definition: { ...definition, fn: changedFn(definition.fn, override), extensions } };
}

function changedFn(fn: Fn, { memoryMiB = fn.memoryMiB, timeoutMs = fn.timeoutMs, config = fn.config }: CallOverride): Fn {
  checkRange("memoryMiB", memoryMiB, limits.memoryMiB);
  checkRange("timeoutMs", timeoutMs, limits.timeoutMs);
  if (!Object.values(config).every((value) => typeof value === "string"))
    throw new Error("Its config has a value that is no text");
  if (memoryMiB === fn.memoryMiB && timeoutMs === fn.timeoutMs && config === fn.config) return fn;
  const variant = variantOf(memoryMiB, timeoutMs, config);
  return { ...fn, memoryMiB, timeoutMs, config, variant: fn.variant === undefined ? variant : `${fn.variant}~${variant}` };
}

/** Equal settings have equal texts. */
function variantOf(memoryMiB: number, timeoutMs: number, config: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(config).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([memoryMiB, timeoutMs, pairs]))
    .digest("base64url")
    .slice(0, 22);
}

function checkRange(name: string, value: number, { min, max }: { readonly min: number; readonly max: number }): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`Its ${name} is ${String(value)}, must be a whole number from ${min} to ${max}`);
}
