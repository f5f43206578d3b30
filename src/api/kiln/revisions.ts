/** What was deployed before, and which revisions get the calls: going back, and going forward slowly. */
import type { Static } from "typebox";
import { limits } from "../../model/limits.ts";
import type { Fn } from "../../model/model.ts";
import { invalid } from "./check.ts";
import { type Door, functionAt, missing } from "./door.ts";
import { operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderFunction } from "./render.ts";
import { functionAnswer, functionPath, listOf, pageQuery, revisionPath, trafficBody } from "./schemas.ts";

const one = "/v1/namespaces/:ns/apps/:app/functions/:fn";

export function revisionRoutes({ scope, parts }: Door): void {
  const { store } = parts;

  scope.get(
    `${one}/revisions`,
    {
      schema: {
        ...operation("listRevisions", "Functions", "What was deployed, newest first", listOf(functionAnswer)),
        description: "The newest few, as the server is configured, and those that share the function's calls.",
        params: functionPath,
        querystring: pageQuery,
      },
    },
    async ({ params, query }) => {
      const { app, fn } = await functionAt(parts, params.ns, params.app, params.fn);
      const request = pageRequest(query);
      if (request.after !== undefined && !/^\d{1,15}$/.test(request.after))
        throw invalid("cursor", "query cursor is not the nextCursor of a page");
      return renderPage(await store.functions.revisions(params.ns, fn.id, request), (item) =>
        renderFunction(item, app?.name ?? null),
      );
    },
  );

  scope.get(
    `${one}/revisions/:revision`,
    { schema: { ...operation("getRevision", "Functions", "One revision", functionAnswer), params: revisionPath } },
    async ({ params }) => {
      const { app, fn } = await functionAt(parts, params.ns, params.app, params.fn);
      const found = await store.functions.revision(params.ns, fn.id, params.revision);
      if (found === undefined) throw missing("revision", String(params.revision));
      return renderFunction(found, app?.name ?? null);
    },
  );

  scope.put(
    `${one}/traffic`,
    {
      schema: {
        ...operation("putTraffic", "Functions", "Which revisions get the calls", functionAnswer),
        description:
          "One share goes back to an older revision at once, its sandboxes included where they still run; several split the calls by weight; none: the newest gets all. A later change of the function ends it, unless it says `traffic: keep`.",
        params: functionPath,
        body: trafficBody,
      },
    },
    async ({ params, body }) => {
      const { app, fn } = await functionAt(parts, params.ns, params.app, params.fn);
      checkTraffic(body.traffic);
      await store.functions.setTraffic(params.ns, fn.id, body.traffic);
      const changed = { ...fn, traffic: body.traffic };
      parts.changed({ namespace: params.ns, functionId: fn.id, revisions: calledRevisions(changed) });
      return renderFunction(changed, app?.name ?? null);
    },
  );
}

/** Revisions whose sandboxes are worth keeping. */
export function calledRevisions({ traffic, revision }: Fn): readonly number[] {
  return [revision, ...traffic.map((share) => share.revision)];
}

function checkTraffic(traffic: Static<typeof trafficBody>["traffic"]): void {
  const twice = traffic.find(({ revision }, i) => traffic.findIndex((share) => share.revision === revision) !== i);
  if (twice !== undefined) throw invalid("traffic", `traffic names revision ${twice.revision} twice`);
  const { sharesMax } = limits.traffic;
  if (traffic.length > sharesMax)
    throw invalid("traffic", `traffic has ${traffic.length} shares, must have at most ${sharesMax}`);
}
