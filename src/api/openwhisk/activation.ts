/** The record of a call as an activation. Written as text: a result goes through as the code wrote it. */
import { answersPlainJson, errorJson, jsonAnswer } from "../../flow/answer.ts";
import { idToHex } from "../../model/id.ts";
import type { Activation, App, Fn } from "../../model/model.ts";
import type { CallResult } from "../../store/store.ts";
import { type Ending, endingNames, endingOf, failureText } from "./errors.ts";
import { kindShown } from "./exec.ts";
import { metaOf, versionOf } from "./meta.ts";
import { sequenceKind } from "./sequence.ts";
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
  if (kept !== null && ending <= 1) return answerOf(ending, kept, ending === 0 && gavePlainJson(record, fn));
  const error = record.error ?? { code: "", message: "" };
  // What ended a call that consists of others has a limit of its own.
  const limited = record.stepsMemoryMiB === undefined ? fn : null;
  return { ending, result: ending === 0 ? null : errorJson(failureText(error, limited)) };
}

function gavePlainJson({ revision }: Activation, fn: Fn | null): boolean {
  return fn !== null && fn.revision === revision && answersPlainJson(fn);
}

function answerOf(ending: Ending, kept: CallResult, isPlain: boolean): Outcome {
  const { what, json } = jsonAnswer(kept, isPlain);
  const endings = { given: ending, too_long: 1, not_json: 2 } as const;
  return { ending: endings[what], result: json };
}

/** The whole activation, as JSON text. `logs`: lines, without those of a call that was just waited for. */
export function renderActivation(record: Activation, owner: Owner, outcome: Outcome, logs: readonly string[]): string {
  const { head, annotations } = partsOf(record, owner);
  const lines = logs.length === 0 ? "[]" : JSON.stringify(logs);
  if (record.activated === "trigger")
    return `{${eventOf(record, head)},"response":${renderResponse(record, outcome)},"logs":${lines}${noAnnotations}}`;
  return `{${head},${timesOf(record)}${causeOf(record)},"response":${renderResponse(record, outcome)},"logs":${lines},"annotations":[${annotations}${timingsOf(record, owner)}]}`;
}

/** An activation in a list, as JSON text. */
export function summarizeActivation(record: Activation, owner: Owner): string {
  const { head, annotations } = partsOf(record, owner);
  if (record.activated === "trigger") return `{${eventOf(record, head)}${noAnnotations}}`;
  return `{${head},${timesOf(record)}${causeOf(record)},"statusCode":${endingOf(record)},"annotations":[${annotations}${timingsOf(record, owner)}]}`;
}

const noAnnotations = `,"annotations":[]`;

/** Of a trigger that was fired there is only when: it takes no time. */
function eventOf({ id, startedAt }: Activation, head: string): string {
  return `${head},"activationId":"${idToHex(id)}","start":${startedAt}`;
}

/** `response`, as JSON text. */
export function renderResponse({ responseBytes }: Activation, { ending, result }: Outcome): string {
  const shown = result === null ? "" : `,"result":${result}`;
  return `{"status":"${endingNames[ending]}","success":${ending === 0}${shown},"size":${responseBytes}}`;
}

function timesOf({ id, startedAt, endedAt, initMs, runMs }: Activation): string {
  return `"activationId":"${idToHex(id)}","start":${startedAt},"end":${endedAt},"duration":${Math.round(initMs + runMs)}`;
}

function causeOf({ cause }: Activation): string {
  return cause === undefined ? "" : `,"cause":"${idToHex(cause)}"`;
}

/** The annotations that each call has its own of. */
function timingsOf(record: Activation, { fn }: Owner): string {
  const { status, start, waitMs, createMs, initMs, cause } = record;
  const init =
    (start === "cold" || start === "prewarmed") && initMs > 0 ? `,{"key":"initTime","value":${Math.round(initMs)}}` : "";
  const own = isFlow(record, fn) ? flowMarks(record, fn) : `${init},{"key":"timeout","value":${status === "timeout"}}`;
  return `{"key":"waitTime","value":${Math.round(waitMs + createMs)}}${own}${cause === undefined ? "" : causedBy}`;
}

/** Whether it is the record of a call that consists of others; of one that its server did not outlive only the function is known. */
export function isFlow({ stepsMemoryMiB }: Activation, fn: Pick<Fn, "source"> | null): boolean {
  return stepsMemoryMiB !== undefined || fn?.source.type === "sequence";
}

function flowMarks({ cause }: Activation, fn: Fn | null): string {
  const conductor = fn === null || fn.source.type === "sequence" ? "" : `,{"key":"conductor","value":true}`;
  return `,{"key":"topmost","value":${cause === undefined}}${conductor}`;
}

/** What makes calls of its own is a sequence to clients, also where it is a conductor. */
const causedBy = `,{"key":"causedBy","value":"sequence"}`;

/** What all activations of one revision share. */
interface Parts {
  readonly app: App | null;
  readonly head: string;
  readonly annotations: string;
}

const known = new WeakMap<Fn, Parts>();

function partsOf(record: Activation, { fn, app }: Owner): Parts {
  if (fn === null || fn.revision !== record.revision || record.stepsMemoryMiB !== undefined)
    return makeParts(record, { fn, app });
  const found = known.get(fn);
  if (found !== undefined && found.app === app) return found;
  const made = makeParts(record, { fn, app });
  known.set(fn, made);
  return made;
}

function makeParts(record: Activation, { fn, app }: Owner): Parts {
  const { namespace, functionName, revision } = record;
  const version = versionOf(fn === null ? { version: [0, 0, 0] } : metaOf(fn), revision);
  const fields = { namespace, name: functionName, version, publish: false, subject: namespace };
  const { provider = namespace, binding } = record;
  const path = app === null ? `${provider}/${functionName}` : `${provider}/${app.name}/${functionName}`;
  const annotations: object[] = [{ key: "path", value: path }];
  if (binding !== undefined) annotations.push({ key: "binding", value: `${namespace}/${binding}` });
  if (fn !== null) {
    const kind = isFlow(record, fn) ? sequenceKind : kindShown(fn);
    const limits = renderLimits({ ...fn, memoryMiB: record.stepsMemoryMiB ?? fn.memoryMiB });
    annotations.push({ key: "kind", value: kind }, { key: "limits", value: limits });
  }
  return { app, head: inner(JSON.stringify(fields)), annotations: `${inner(JSON.stringify(annotations))},` };
}

/** Without the brackets around it. */
function inner(json: string): string {
  return json.slice(1, -1);
}
