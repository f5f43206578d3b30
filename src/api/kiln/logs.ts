/** What functions print: of a namespace or of one function, in pages or while it happens. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { linesOf } from "../../events/rule-outcomes.ts";
import { limits } from "../../model/limits.ts";
import { parseId } from "../../model/id.ts";
import { PlatformError } from "../../model/error.ts";
import type { Activation } from "../../model/model.ts";
import { type LogEntry, matchesLine } from "../../logs/logs.ts";
import type { TailFilter, TailPlace } from "../../logs/tail.ts";
import { invalid, timeIn } from "./check.ts";
import { appAt, type Door, functionAt } from "./door.ts";
import { EventStream } from "./event-stream.ts";
import type { KilnParts } from "./kiln.ts";
import { functionLogQuery, logLineAnswer, logQuery } from "./log-schemas.ts";
import { operation } from "./openapi.ts";
import { decodeCursor, encodeCursor } from "./paging.ts";
import { renderActivation, renderLine } from "./render.ts";
import { functionPath, listOf, namespacePath } from "./schemas.ts";

/** Activations that are looked at for one page of lines where only calls of one status are wanted. */
const activationsAPage = 20;

type Query = Static<typeof logQuery>;

export function logRoutes(door: Door): void {
  const { scope, parts } = door;
  scope.get(
    "/v1/namespaces/:ns/logs",
    {
      schema: {
        ...operation("listLogs", "Logs", "What functions printed, in pages or while it happens", listOf(logLineAnswer)),
        description: about,
        params: namespacePath,
        querystring: logQuery,
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      return await answer(door, params.ns, await filterOf(parts, params.ns, query), query, request, reply);
    },
  );

  scope.get(
    "/v1/namespaces/:ns/apps/:app/functions/:fn/logs",
    {
      schema: {
        ...operation(
          "listFunctionLogs",
          "Logs",
          "What one function printed, in pages or while it happens",
          listOf(logLineAnswer),
        ),
        description: about,
        params: functionPath,
        querystring: functionLogQuery,
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const { fn } = await functionAt(parts, params.ns, params.app, params.fn);
      const filter = { ...(await filterOf(parts, params.ns, query)), functionId: fn.id };
      return await answer(door, params.ns, filter, query, request, reply);
    },
  );
}

const about =
  "Newest first; with `since` oldest first from then on. A page may be short, or empty, and have a nextCursor. " +
  "With `follow=true` an event stream of what is printed from now on (or from `since`): events `line` (an item of the list), " +
  "`activation` (the record of a call that ended), both with an id that Last-Event-ID takes, and `lost` ({count}: the reader was too slow)";

async function answer(
  { parts }: Door,
  ns: string,
  filter: TailFilter,
  query: Query,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  if (query.follow === true) return follow(parts, ns, filter, request, reply);
  return filter.status === undefined ? await page(parts, ns, filter, query) : await callsPage(parts, ns, filter, query);
}

async function page({ logs }: KilnParts, ns: string, filter: TailFilter, query: Query) {
  const order = query.since === undefined ? "newest" : "oldest";
  const after = query.cursor === undefined ? undefined : positionOf(decodeCursor(query.cursor));
  await logs.flush();
  const found = await logs.list(ns, filter, { order, after, limit: query.limit ?? limits.logPage.default });
  return { items: found.items.map(renderLine), nextCursor: found.next === null ? null : encodeCursor(String(found.next)) };
}

/** Lines of calls that ended in one way: whole calls, newest first, until the page is full. */
async function callsPage({ logs, store }: KilnParts, ns: string, filter: TailFilter, query: Query) {
  const { status, functionId, from } = filter;
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  const records = await store.activations.list(ns, { status, functionId, from }, { limit: activationsAPage, after });
  const limit = query.limit ?? limits.logPage.default;
  const items: LogEntry[] = [];
  for (const record of records.items) {
    if (items.length >= limit) return { items: items.map(renderLine), nextCursor: encodeCursor(previous(records.items, record)) };
    if (filter.activationId !== undefined && record.id !== filter.activationId) continue;
    const owner = ownerOf(record);
    const entries = (await linesOf({ logs, store }, record)).map((line) => Object.assign({ line }, owner));
    items.push(...entries.filter((entry) => matchesLine(filter, entry)).toReversed());
  }
  return { items: items.map(renderLine), nextCursor: records.next === null ? null : encodeCursor(records.next) };
}

function previous(records: readonly Activation[], record: Activation): string {
  return (records[records.indexOf(record) - 1] as Activation).id;
}

function ownerOf({ namespace, appId, functionId, functionName, id }: Activation) {
  return { namespace, appId, functionId, functionName, activationId: id };
}

/** Ends when the reader goes away or the server stops. */
function follow({ logs, world }: KilnParts, ns: string, filter: TailFilter, request: FastifyRequest, reply: FastifyReply) {
  const last = request.headers["last-event-id"];
  const after = typeof last === "string" && last !== "" ? placeOf(last) : undefined;
  let stream: EventStream | undefined;
  // Before the head is sent: too many readers are refused with a status.
  const close = logs.tail.open(ns, filter, after, {
    line: (entry, place) => stream?.send("line", renderLine(entry), place === null ? null : eventId(place)) ?? false,
    activation: (record, place) => stream?.send("activation", renderActivation(record), eventId(place)) ?? false,
    lost: (count) => stream?.send("lost", { count }, null) ?? false,
    room: async () => stream?.room(),
    ended: () => stream?.end(),
  });
  reply.hijack();
  stream = new EventStream(reply.raw, { "x-request-id": request.id }, world, close);
}

async function filterOf(parts: KilnParts, ns: string, query: Query): Promise<TailFilter> {
  const { app, activation, status, text } = query;
  const name = query.function;
  const activationId = activation === undefined ? undefined : parseId(activation);
  if (activation !== undefined && activationId === undefined)
    throw invalid(
      "activation",
      `query activation is ${JSON.stringify(activation.slice(0, 60))}, which is no id of an activation`,
    );
  const from = timeIn("query", "since", query.since);
  const common = { activationId, status, text, from };
  if (app === undefined) return { ...common, functionId: name };
  if (name !== undefined) return { ...common, functionId: (await functionAt(parts, ns, app, name)).fn.id };
  const found = await appAt(parts, ns, app);
  if (status !== undefined && query.follow !== true)
    throw invalid("app", "query app alone cannot be combined with status in a list: name a function too, or follow");
  return { ...common, appId: found?.id ?? null };
}

/** The position of a line, and behind a dash the id of a call (or `@` and a place): each of them where there is one. */
function eventId({ position, callId }: TailPlace): string {
  return `${position ?? ""}${callId === null ? "" : `-${callId}`}`;
}

function placeOf(text: string): TailPlace {
  const [position = "", callId] = text.split("-", 2);
  if (callId !== undefined && parseId(callId) !== callId && !/^@\d{1,16}$/.test(callId)) throw notWhere("Last-Event-ID");
  return { position: position === "" && callId !== undefined ? null : positionOf(position), callId: callId ?? null };
}

function positionOf(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw notWhere("cursor");
  return Number(text);
}

function notWhere(field: string): PlatformError {
  return new PlatformError("invalid", "This is not where an earlier answer ended", { details: { field } });
}
