/**
 * W3C trace context (https://www.w3.org/TR/trace-context/): which trace a call belongs to, and what the function is told of it.
 *
 * A call is a span. Its id is the last 64 bits of the activation's id, so that a record leads to its span and back; a call that comes
 * without a trace begins one whose id is the activation's id in hex, not sampled: whoever samples is the caller or the function.
 */
import { idToHex, writeHex } from "../model/id.ts";

/** A call's place in its trace. */
export interface TraceContext {
  /** 32 hex digits where the trace is the caller's; null: it begins with the call, and its id is the activation's in hex. */
  readonly traceId: string | null;
  /** Headers for the function, names and values by turns: the caller's without its `traceparent`; the same list where there was no trace. */
  readonly headers: readonly string[];
  /** What the function is told instead: the call as parent. */
  readonly traceparent: string;
}

/** Version 00 exactly; of later versions the part that is known. */
const traceparentRule = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const tracestateRule = /^[\x20-\x7e\t]{1,512}$/;
const letterT = 0x74;
const noTrace = "0".repeat(32);
const noSpan = "0".repeat(16);

/** The trace of a call with these headers. A `traceparent` that is not valid, or is there twice, counts as none, as the standard has it. */
export function traceOf(headers: readonly string[], activationId: string): TraceContext {
  let parent: string | undefined;
  let found = 0;
  let states = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const { length } = headers[i] as string;
    // Hardly any other header gets past these two: looking at names costs.
    if ((length !== 11 && length !== 10) || ((headers[i] as string).charCodeAt(0) | 0x20) !== letterT) continue;
    const name = (headers[i] as string).toLowerCase();
    if (name === "traceparent") {
      parent = headers[i + 1];
      found++;
    } else if (name === "tracestate") states++;
  }
  if (found === 0 && states === 0) return { traceId: null, headers, traceparent: newTraceparent(activationId) };
  const match = found === 1 ? traceparentRule.exec(parent as string) : null;
  const valid = match !== null && match[2] !== noTrace && match[3] !== noSpan && (match[1] !== "00" || match[5] === undefined);
  const kept = withoutTrace(headers, valid);
  if (!valid) return { traceId: null, headers: kept, traceparent: newTraceparent(activationId) };
  const traceId = match[2] as string;
  // Of the flags only `sampled` is known; what is not known must not be passed on.
  const flags = (Number.parseInt(match[4] as string, 16) & 1) === 1 ? "01" : "00";
  return { traceId, headers: kept, traceparent: `00-${traceId}-${idToHex(activationId).slice(16)}-${flags}` };
}

/** Of a trace that begins with the call. Made in place, because every call has one and a text put together leaves many times its size behind. */
function newTraceparent(activationId: string): string {
  writeHex(activationId, own, 3);
  own.copyWithin(36, 19, 35);
  return own.toString("latin1");
}

const own = Buffer.from(`00-${noTrace}-${noSpan}-00`);

/** All headers but those of the trace; its state stays where the trace is continued and the state can be passed on. */
function withoutTrace(headers: readonly string[], keepState: boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    const lower = name.toLowerCase();
    if (lower === "traceparent") continue;
    if (lower === "tracestate" && !(keepState && tracestateRule.test(value))) continue;
    kept.push(name, value);
  }
  return kept;
}
