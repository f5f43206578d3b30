/** The record of a call as an activation. Written as text: a result goes through as the code wrote it. */
import { idToHex } from "../../model/id.ts";
import type { Activation, App, Fn } from "../../model/model.ts";
import type { CallResult } from "../../store/store.ts";
import { type Ending, endingNames, endingOf, failureText, invalidResult } from "./errors.ts";
import { kindShown } from "./exec.ts";
import { sizeLimits } from "./limits.ts";
import { metaOf, versionOf } from "./meta.ts";
import { renderLimits } from "./settings.ts";

/** Whose activation it is: the function as it was then, as far as that is known, and its package. */
export interface Owner {
  readonly fn: Fn | null;
  readonly app: App | null;
}

/** How a call ended, and what its caller reads. */
export interface Outcome {
  readonly ending: Ending;
  /** JSON text; null: nobody kept it. */
  readonly result: string | null;
}

export function outcomeOf(record: Activation, kept: CallResult | null, fn: Fn | null): Outcome {
  const ending = endingOf(record);
  if (kept !== null && ending <= 1) return answerOf(ending, kept);
  const error = record.error ?? { code: "", message: "" };
  return { ending, result: ending === 0 ? null : errorJson(failureText(error, fn)) };
}

function answerOf(ending: Ending, { body, bytes, contentType }: CallResult): Outcome {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (bytes > body.length || bytes > sizeLimits.payloadBytesMax) return { ending: 1, result: errorJson(tooLong(text, bytes)) };
  if (bytes === 0) return { ending, result: "{}" };
  if (contentType !== "application/json" && !/[/+]json\b/i.test(contentType ?? ""))
    return { ending, result: wrapped(body, text) };
  return isContainer(text) ? { ending, result: text } : scalarOf(ending, text);
}

/** What clients take for a result is an object or an array. */
function isContainer(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

function scalarOf(ending: Ending, text: string): Outcome {
  try {
    JSON.parse(text);
    return { ending, result: `{"value":${text}}` };
  } catch {
    return { ending: 2, result: errorJson(invalidResult) };
  }
}

/** Of a function of another door that answered something else: text as it is, bytes in base64. */
function wrapped(body: Uint8Array, text: string): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return JSON.stringify({ value: Buffer.from(text).equals(bytes) ? text : bytes.toString("base64") });
}

const shownCharactersMax = 1024;

function tooLong(text: string, bytes: number): string {
  const said = `The action produced a response that exceeded the allowed length: ${bytes} > ${sizeLimits.payloadBytesMax} bytes.`;
  return `${said} The truncated response was: ${text.slice(0, shownCharactersMax)}`;
}

function errorJson(text: string): string {
  return `{"error":${JSON.stringify(text)}}`;
}

/** The whole activation, as JSON text. `logs`: lines, without those of a call that was just waited for. */
export function renderActivation(record: Activation, owner: Owner, outcome: Outcome, logs: readonly string[]): string {
  const { head, annotations } = partsOf(record, owner);
  const lines = logs.length === 0 ? "[]" : JSON.stringify(logs);
  return `{${head},${timesOf(record)},"response":${renderResponse(record, outcome)},"logs":${lines},"annotations":[${annotations}${timingsOf(record)}]}`;
}

/** An activation in a list, as JSON text. */
export function summarizeActivation(record: Activation, owner: Owner): string {
  const { head, annotations } = partsOf(record, owner);
  return `{${head},${timesOf(record)},"statusCode":${endingOf(record)},"annotations":[${annotations}${timingsOf(record)}]}`;
}

/** `response`, as JSON text. */
export function renderResponse({ responseBytes }: Activation, { ending, result }: Outcome): string {
  const shown = result === null ? "" : `,"result":${result}`;
  return `{"status":"${endingNames[ending]}","success":${ending === 0}${shown},"size":${responseBytes}}`;
}

function timesOf({ id, startedAt, endedAt, initMs, runMs }: Activation): string {
  return `"activationId":"${idToHex(id)}","start":${startedAt},"end":${endedAt},"duration":${Math.round(initMs + runMs)}`;
}

/** The annotations that each call has its own of. */
function timingsOf({ status, start, waitMs, createMs, initMs }: Activation): string {
  const init =
    (start === "cold" || start === "prewarmed") && initMs > 0 ? `,{"key":"initTime","value":${Math.round(initMs)}}` : "";
  return `{"key":"waitTime","value":${Math.round(waitMs + createMs)}}${init},{"key":"timeout","value":${status === "timeout"}}`;
}

/** What all activations of one revision share. */
interface Parts {
  readonly app: App | null;
  readonly head: string;
  readonly annotations: string;
}

const known = new WeakMap<Fn, Parts>();

function partsOf(record: Activation, { fn, app }: Owner): Parts {
  if (fn === null || fn.revision !== record.revision) return makeParts(record, { fn, app });
  const found = known.get(fn);
  if (found !== undefined && found.app === app) return found;
  const made = makeParts(record, { fn, app });
  known.set(fn, made);
  return made;
}

function makeParts({ namespace, functionName, revision }: Activation, { fn, app }: Owner): Parts {
  const version = versionOf(fn === null ? { version: [0, 0, 0] } : metaOf(fn), revision);
  const fields = { namespace, name: functionName, version, publish: false, subject: namespace };
  const path = app === null ? `${namespace}/${functionName}` : `${namespace}/${app.name}/${functionName}`;
  const annotations: object[] = [{ key: "path", value: path }];
  if (fn !== null) annotations.push({ key: "kind", value: kindShown(fn) }, { key: "limits", value: renderLimits(fn) });
  return { app, head: inner(JSON.stringify(fields)), annotations: `${inner(JSON.stringify(annotations))},` };
}

/** Without the brackets around it. */
function inner(json: string): string {
  return json.slice(1, -1);
}
