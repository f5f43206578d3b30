/**
 * `/v2/fns/{fn_id}/calls` and what is below it, as Fn had it until 2019: calls, and what they printed; and, which Fn never had, what
 * one that nobody waited for answered.
 */
import { sandboxDocument } from "../../http/function-origin.ts";
import { printable } from "../../lib/printable.ts";
import type { UnderwayCall } from "../../invocation/invocation.ts";
import { idTime, isId } from "../../model/id.ts";
import type { Activation, Fn } from "../../model/model.ts";
import { invalid, notAcceptableReply, notFound, notOver, status } from "./errors.ts";
import { findFn } from "./fns.ts";
import { encodeCursor, pageOf } from "./paging.ts";
import { object, okReply, renderCall, renderList, text } from "./render.ts";
import type { Reply } from "./reply.ts";
import { textReply } from "./reply.ts";
import type { Exchange } from "./routes.ts";

/** A record, or a call that is not over. */
type Call = Activation | UnderwayCall;

/** Calls that end while a page is put together must not make it short. */
const underwayMore = 10;
/** A call's id is made right before its time is taken. */
const clockSlackMs = 100;

/** The newest first, those that wait or run among them. */
export async function listCalls(exchange: Exchange): Promise<Reply> {
  const { query, namespace, id } = exchange;
  const fn = await findFn(exchange, id);
  const between = { after: millisecondsOf(query, "from_time"), before: millisecondsOf(query, "to_time") };
  const { limit, after: cursor } = pageOf(query);
  if (cursor !== undefined && !isId(cursor)) throw invalid("Invalid cursor");
  // First what is underway: what ends meanwhile is then found among the records, and nothing is missed.
  const underway = await exchange.calls.listUnderway(namespace, id, { before: cursor, limit: limit + underwayMore });
  const ended = await endedCalls(exchange, { cursor, between, limit });
  const over = new Set(ended.map((call) => call.id));
  const waiting = underway.filter((call) => !over.has(call.id) && isBetween(call, between));
  const calls = [...waiting, ...ended].toSorted((one, other) => (one.id < other.id ? 1 : -1)).slice(0, limit);
  const appName = await appNameOf(exchange, fn);
  const rendered = calls.map((call) => renderCall(call, appName, exchange.now()));
  return okReply(renderList(rendered, calls.length < limit ? undefined : encodeCursor(calls.at(-1)?.id ?? "")));
}

export async function getCall(exchange: Exchange): Promise<Reply> {
  const fn = await findFn(exchange, exchange.id);
  const call = await findCall(exchange);
  return okReply(renderCall(call, await appNameOf(exchange, fn), exchange.now()));
}

/** As JSON or as plain text, whichever the client names first. */
export async function getLog(exchange: Exchange): Promise<Reply> {
  const call = await callIn(exchange);
  if (call === undefined) throw notFound("Call log");
  const form = logForm(exchange.accept);
  if (form === null) return notAcceptableReply();
  const lines = await exchange.logs.read(exchange.namespace, call.id);
  if (form === "text") return textReply(status.ok, lines.map((line) => `${printable(line.text)}\n`).join(""));
  return okReply(
    object([
      ["call_id", text(call.id)],
      ["log", text(lines.map((line) => `${line.text}\n`).join(""))],
    ]),
  );
}

/** The answer of an asynchronous call that succeeded, as the function gave it. */
export async function getResult(exchange: Exchange): Promise<Reply> {
  const call = await findCall(exchange);
  if (!("endedAt" in call)) throw notOver(call.status);
  const result = await exchange.store.activations.result(exchange.namespace, call.id);
  if (result === undefined) throw notFound("Call result");
  const { contentType, body } = result;
  const headers = contentType === null ? [] : ["Content-Type", contentType];
  if (exchange.functionOrigin !== "shared") sandboxDocument(headers);
  return { status: status.ok, headers, body: Buffer.from(body) };
}

async function findCall(exchange: Exchange): Promise<Call> {
  const call = await callIn(exchange);
  if (call === undefined) throw notFound("Call");
  return call;
}

/** The call that the path names, if it is one of the function's. */
async function callIn({ store, calls, namespace, id, rest: [callId = ""] }: Exchange): Promise<Call | undefined> {
  if (!isId(callId)) return undefined;
  const found =
    (await store.activations.get(namespace, callId)) ??
    (await calls.underway(namespace, callId)) ??
    // It may have ended between the two looks.
    (await store.activations.get(namespace, callId));
  return found?.functionId === id ? found : undefined;
}

async function appNameOf({ store, namespace }: Exchange, { appId }: Fn): Promise<string> {
  return appId === null ? "" : ((await store.apps.get(namespace, appId))?.name ?? "");
}

/** Times in ms that are not part of what is asked for. */
interface Between {
  readonly after: number | undefined;
  readonly before: number | undefined;
}

interface EndedPage {
  readonly cursor: string | undefined;
  readonly between: Between;
  readonly limit: number;
}

/** Records whose id is below the cursor's. The store has them by time, which is nearly, but not quite, the order of ids. */
async function endedCalls(exchange: Exchange, { cursor, between, limit }: EndedPage): Promise<Activation[]> {
  const { store, namespace, id } = exchange;
  const isRecord = cursor !== undefined && (await store.activations.get(namespace, cursor)) !== undefined;
  const begunBy = cursor === undefined || isRecord ? Infinity : await begunAt(exchange, cursor);
  const from = between.after === undefined ? undefined : between.after + 1;
  const to = Math.min(begunBy, between.before === undefined ? Infinity : between.before - 1);
  const filter = { functionId: id, from, to: to === Infinity ? undefined : to };
  const found: Activation[] = [];
  let after = isRecord ? cursor : undefined;
  do {
    const page = await store.activations.list(namespace, filter, { limit, after });
    found.push(...page.items.filter((record) => cursor === undefined || record.id < cursor));
    after = page.next ?? undefined;
  } while (after !== undefined && found.length < limit);
  return found.slice(0, limit);
}

/** About, and no less. */
async function begunAt({ calls, namespace }: Exchange, callId: string): Promise<number> {
  const call = await calls.underway(namespace, callId);
  return (call?.startedAt ?? idTime(callId)) + clockSlackMs;
}

function isBetween({ startedAt }: Call, { after, before }: Between): boolean {
  return (after === undefined || startedAt > after) && (before === undefined || startedAt < before);
}

/** A number of seconds in a query. */
function millisecondsOf(query: URLSearchParams, name: string): number | undefined {
  const seconds = query.get(name);
  if (!seconds) return undefined;
  if (!/^[+-]?\d{1,18}$/.test(seconds)) throw invalid(`${name} is not an epoch time`);
  return Number(seconds) * 1000;
}

/** What the header `Accept` wants, read as Fn did: by what it contains. Null: neither. */
function logForm(accept: readonly string[]): "json" | "text" | null {
  for (const types of accept) {
    if (types.includes("application/json")) return "json";
    if (types.includes("text/plain")) return "text";
    if (types.includes("*/*")) return "json";
  }
  return accept.length === 0 ? "json" : null;
}
