import type { Static } from "typebox";
import { parseId } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import type { ActivationFilter } from "../../store/store.ts";
import { invalid } from "./check.ts";
import { type Door, functionAt, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderActivation, renderLogs, renderLogText } from "./render.ts";
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
    async ({ params }) => renderActivation(await recordOf(parts, params.ns, params.id)),
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
      const { id } = await recordOf(parts, params.ns, params.id);
      const lines = await parts.logs.read(params.ns, id);
      if (!headers.accept?.includes("text/plain")) return renderLogs(lines);
      reply.type("text/plain; charset=utf-8").serializer((text: unknown) => text as string);
      return renderLogText(lines);
    },
  );
}

async function recordOf({ store }: KilnParts, ns: string, spelling: string): Promise<Activation> {
  const id = parseId(spelling);
  const found = id === undefined ? undefined : await store.activations.get(ns, id);
  if (found === undefined) throw missing("activation", spelling.slice(0, 60));
  return found;
}

async function filterOf(parts: KilnParts, ns: string, query: Static<typeof activationQuery>): Promise<ActivationFilter> {
  const { app, status } = query;
  if (app !== undefined && query.function === undefined)
    throw invalid("app", "query app says which app `function` is in, and function is missing");
  const functionId = app === undefined ? query.function : (await functionAt(parts, ns, app, query.function as string)).fn.id;
  return { functionId, status, from: timeOf("from", query.from), to: timeOf("to", query.to) };
}

function timeOf(field: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms))
    throw invalid(
      field,
      `query ${field} is ${JSON.stringify(text.slice(0, 60))}, must be RFC 3339 or milliseconds since the epoch`,
    );
  return ms;
}
