/** `/namespaces/{namespace}/activations` and what is below it. */
import { linesOf } from "../../events/rule-outcomes.ts";
import { sharedApp } from "../../invocation/shared-app.ts";
import { asPlatformError } from "../../model/error.ts";
import { idToHex, isId, parseId } from "../../model/id.ts";
import type { Activation, App, Fn, LogLine } from "../../model/model.ts";
import type { ActivationFilter, CallResult } from "../../store/store.ts";
import { appIn, appsOf } from "./actions.ts";
import {
  isFlow,
  type Outcome,
  outcomeOf,
  type Owner,
  renderActivation,
  renderResponse,
  summarizeActivation,
} from "./activation.ts";
import { badRequest, notThere, status } from "./errors.ts";
import { okReply } from "./ok-reply.ts";
import { actionNamed, docsWithCount, flag, instant, listQuery } from "./query.ts";
import { jsonReply, type Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { ruleLine } from "./rule-outcome.ts";

export async function listActivations(exchange: Exchange): Promise<Reply> {
  const { context, namespace, query } = exchange;
  const { skip, limit, count } = listQuery(query, "activations");
  const docs = flag(query, "docs");
  if (docs && count) throw docsWithCount();
  const { activations } = context.store;
  const filter = await filterOf(exchange);
  if (filter === null) return okReply(count ? { activations: 0 } : []);
  if (count) return okReply({ activations: Math.max(0, (await activations.count(namespace, filter)) - skip) });
  const records = await activations.latest(namespace, filter, { skip, limit });
  const ownerOf = await ownersOf(exchange, records);
  const items = docs
    ? await Promise.all(records.map((record) => whole(exchange, record, ownerOf(record))))
    : records.map((record) => summarizeActivation(record, ownerOf(record)));
  return jsonReply(status.ok, `[${items.join(",")}]`);
}

export async function getActivation(exchange: Exchange): Promise<Reply> {
  const record = await recordAt(exchange);
  const ownerOf = await ownersOf(exchange, [record]);
  return jsonReply(status.ok, await whole(exchange, record, ownerOf(record)));
}

export async function getActivationLogs(exchange: Exchange): Promise<Reply> {
  const record = await recordAt(exchange);
  const ownerOf = await ownersOf(exchange, [record]);
  return okReply({ logs: await logsOf(exchange, record, ownerOf(record)) });
}

export async function getActivationResult(exchange: Exchange): Promise<Reply> {
  const record = await recordAt(exchange);
  const ownerOf = await ownersOf(exchange, [record]);
  return jsonReply(status.ok, renderResponse(record, await outcomeIn(exchange, record, ownerOf(record))));
}

/** Null where an action is named that is not there. */
async function filterOf({ context, namespace, query }: Exchange): Promise<ActivationFilter | null> {
  const times = { from: instant(query, "since"), to: instant(query, "upto") };
  const named = actionNamed(query);
  if (named === undefined) return times;
  const { apps, functions, triggers } = context.store;
  const app = named.pkg === null ? null : await appNamed(apps, namespace, named.pkg);
  if (app === undefined) return null;
  const fn = await functions.getByName(app?.namespace ?? namespace, app?.id ?? null, named.name);
  const activated = fn ?? (app === null ? await triggers.getByName(namespace, named.name) : undefined);
  return activated === undefined ? null : { ...times, functionId: activated.id };
}

/** The one that has the functions; undefined: it is not there, or what it stands for is not. */
async function appNamed(apps: Exchange["context"]["store"]["apps"], namespace: string, name: string): Promise<App | undefined> {
  try {
    return (await sharedApp(apps, namespace, namespace, name)).app;
  } catch (error) {
    const { code } = asPlatformError(error);
    if (code === "not_found" || code === "forbidden") return undefined;
    throw error;
  }
}

async function recordAt({ context, namespace, activationId }: Exchange): Promise<Activation> {
  if (activationId.length !== 32) throw badRequest(`Activation id length is ${activationId.length} but must be 32.`);
  const id = /^[0-9a-f]{32}$/i.test(activationId) ? parseId(activationId) : undefined;
  if (id === undefined) throw badRequest("The activation id is not valid.");
  const record = await context.store.activations.get(namespace, id);
  if (record === undefined) throw notThere();
  return record;
}

async function whole(exchange: Exchange, record: Activation, owner: Owner): Promise<string> {
  const [outcome, logs] = await Promise.all([outcomeIn(exchange, record, owner), logsOf(exchange, record, owner)]);
  return renderActivation(record, owner, outcome, logs);
}

async function outcomeIn({ context, namespace }: Exchange, record: Activation, { fn }: Owner): Promise<Outcome> {
  const kept: CallResult | undefined = await context.store.activations.result(namespace, record.id);
  return outcomeOf(record, kept ?? null, fn);
}

/** Of a call that consists of others, the ids of those; of an event, what became of its rules. */
async function logsOf({ context, namespace }: Exchange, record: Activation, { fn }: Owner): Promise<string[]> {
  const lines = await linesOf(context, record);
  if (record.activated === "trigger") return lines.map(({ text }) => ruleLine(namespace, text));
  return isFlow(record, fn) ? lines.flatMap(({ text }) => (isId(text) ? [idToHex(text)] : [])) : lines.flatMap(logTexts);
}

/** Nanoseconds, of which we know the first three digits, so that the time always fills its 30 columns. */
function logTexts({ at, stream, text }: LogLine): string[] {
  const time = `${new Date(at).toISOString().slice(0, -1)}000000Z`;
  const texts = stream === "platform" ? noticesIn(text) : [text];
  return texts.map((each) => `${time} ${stream === "stdout" ? "stdout" : "stderr"}: ${each}`);
}

/** What the platform says of a log, in OpenWhisk's words where there are some. */
function noticesIn(text: string): string[] {
  const [, kept] = /Output cut: (\d+) bytes/.exec(text) ?? [];
  const notices: string[] = [];
  if (kept !== undefined) notices.push(`Logs were truncated because the total bytes size exceeds the limit of ${kept} bytes.`);
  if (text.includes("Output lost: ")) notices.push("There was an issue while collecting your logs. Data might be missing.");
  return notices.length > 0 ? notices : [text];
}

/** The functions of some records, as they were, each looked up once. */
async function ownersOf(exchange: Exchange, records: readonly Activation[]): Promise<(record: Activation) => Owner> {
  const { context, namespace } = exchange;
  const { functions } = context.store;
  const keys = new Map(records.map((record) => [keyOf(record), record]));
  const fnAt = async ({ functionId, revision, provider = namespace, activated }: Activation): Promise<Fn | null> => {
    const fn = activated === undefined ? await functions.get(provider, functionId) : undefined;
    if (fn === undefined || fn.revision === revision) return fn ?? null;
    return (await functions.revision(provider, functionId, revision)) ?? fn;
  };
  const fns = new Map(await Promise.all([...keys].map(async ([key, record]) => [key, await fnAt(record)] as const)));
  const apps: ReadonlyMap<string, App> = await appsOf(exchange, records);
  return (record) => ({ fn: fns.get(keyOf(record)) ?? null, app: appIn(apps, record) });
}

/** What is shown of two calls of one function is different where they came in different ways. */
function keyOf({ functionId, revision, provider = "", binding = "" }: Activation): string {
  return `${functionId} ${revision} ${provider}\n${binding}`;
}
