import type { Static } from "typebox";
import { linesOf } from "../../events/rule-outcomes.ts";
import type { UnderwayCall } from "../../invocation/invocation.ts";
import { PlatformError } from "../../model/error.ts";
import { parseId } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import type { ActivationFilter } from "../../store/store.ts";
import { resultAnswer } from "./async-schemas.ts";
import { invalid, timeIn } from "./check.ts";
import { type Door, functionAt, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderActivation, renderLogs, renderLogText, renderResult, renderUnderway } from "./render.ts";
import { activationAnswer, activationPath, activationQuery, listOf, logAnswer, namespacePath } from "./schemas.ts";

const list = "/v1/namespaces/:ns/activations";
const one = `${list}/:id`;

export function activationRoutes({ scope, parts }: Door): void {
  scope.get(
    list,
    {
      schema: {
        ...operation("listActivations", "Activations", "Records of calls, newest first", listOf(activationAnswer)),
        params: namespacePath,
        querystring: activationQuery,
      },
    },
    async ({ params, query }) => {
      const filter = await filterOf(parts, params.ns, query);
      return renderPage(await parts.store.activations.list(params.ns, filter, pageRequest(query)), renderActivation);
    },
  );

  scope.get(
    one,
    {
      schema: {
        ...operation("getActivation", "Activations", "The record of one call", activationAnswer),
        params: activationPath,
      },
    },
    async ({ params }) => {
      const found = await callAt(parts, params.ns, params.id);
      return "endedAt" in found ? renderActivation(found) : renderUnderway(found);
    },
  );

  scope.get(
    `${one}/result`,
    {
      schema: {
        ...operation("getResult", "Activations", "What an asynchronous call answered", resultAnswer),
        description: "409 while the call is not over; 404 when it failed, or was not asynchronous: its record says so.",
        params: activationPath,
      },
    },
    async ({ params }) => {
      const found = await callAt(parts, params.ns, params.id);
      if (!("endedAt" in found)) throw notOver(found);
      const result = await parts.store.activations.result(params.ns, found.id);
      if (result === undefined) throw missing("result", found.id);
      return renderResult(result);
    },
  );

  scope.post(
    `${one}/cancel`,
    {
      schema: {
        ...operation("cancelActivation", "Activations", "End a call that waits or runs", activationAnswer),
        description: "One that waits never runs; the code of one that runs is killed. 409 when it is over already.",
        params: activationPath,
      },
    },
    async ({ params }) => {
      const found = await callAt(parts, params.ns, params.id);
      if ("endedAt" in found || parts.calls === undefined) throw isOver(found.id);
      await parts.calls.cancel(params.ns, found.id);
      const after = await callAt(parts, params.ns, params.id);
      return "endedAt" in after ? renderActivation(after) : renderUnderway(after);
    },
  );

  scope.get(
    `${one}/logs`,
    {
      schema: {
        ...operation("getLogs", "Activations", "What one call printed; as text with Accept: text/plain", logAnswer),
        params: activationPath,
      },
    },
    async ({ params, headers }, reply) => {
      const lines = await linesOf(parts, await callAt(parts, params.ns, params.id));
      if (!headers.accept?.includes("text/plain")) return renderLogs(lines);
      reply.type("text/plain; charset=utf-8").serializer((text: unknown) => text as string);
      return renderLogText(lines);
    },
  );
}

/** A record, or a call that is not over. */
async function callAt({ store, calls }: KilnParts, ns: string, spelling: string): Promise<Activation | UnderwayCall> {
  const id = parseId(spelling);
  if (id === undefined) throw missing("activation", spelling.slice(0, 60));
  const found = (await store.activations.get(ns, id)) ?? (await calls?.underway(ns, id));
  if (found !== undefined) return found;
  // It may have ended between the two looks.
  const ended = await store.activations.get(ns, id);
  if (ended === undefined) throw missing("activation", spelling.slice(0, 60));
  return ended;
}

function notOver({ id, status }: UnderwayCall): PlatformError {
  return new PlatformError("conflict", `Activation ${id} is ${status}; it has a result when it is over`, {
    details: { status },
  });
}

function isOver(id: string): PlatformError {
  return new PlatformError("conflict", `Activation ${id} is over already and cannot be cancelled`);
}

async function filterOf(parts: KilnParts, ns: string, query: Static<typeof activationQuery>): Promise<ActivationFilter> {
  const { status } = query;
  const functionId = await functionIdOf(parts, ns, query);
  return { functionId, status, from: timeIn("query", "from", query.from), to: timeIn("query", "to", query.to) };
}

/** The id of the function that a query names by id, or by name and app. */
export async function functionIdOf(
  parts: KilnParts,
  ns: string,
  query: { readonly app?: string; readonly function?: string },
): Promise<string | undefined> {
  const { app } = query;
  if (app === undefined) return query.function;
  if (query.function === undefined) throw invalid("app", "query app says which app `function` is in, and function is missing");
  return (await functionAt(parts, ns, app, query.function)).fn.id;
}
