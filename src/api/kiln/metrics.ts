/** Figures: of the last minutes as JSON for the console, since the start as text for Prometheus. */
import type { Static } from "typebox";
import type { RecentFunction } from "../../telemetry/calls.ts";
import { spanMs, spansKept } from "../../telemetry/recent.ts";
import { invalid, timeIn } from "./check.ts";
import { type Door, functionAt } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { statsAnswer, statsQuery } from "./log-schemas.ts";
import { operation } from "./openapi.ts";
import { namespacePath } from "./schemas.ts";

export function statsRoutes({ scope, parts }: Door): void {
  scope.get(
    "/v1/namespaces/:ns/stats",
    {
      schema: {
        ...operation("getStats", "Platform", "What functions did in the last five minutes", statsAnswer),
        params: namespacePath,
        querystring: statsQuery,
      },
    },
    async ({ params, query }) => stats(parts, params.ns, query),
  );
}

/** `/metrics`, beside our API: who may call some namespaces only sees those. */
export function metricsRoute({ framework, parts }: Door): void {
  framework.app.get("/metrics", async (request, reply) => {
    const caller = await parts.identifier.identify(framework.caller(request));
    const text = await parts.metrics.render(caller.namespaces);
    return reply.type("text/plain; version=0.0.4; charset=utf-8").header("cache-control", "no-store").send(text);
  });
}

async function stats(parts: KilnParts, ns: string, query: Static<typeof statsQuery>): Promise<Static<typeof statsAnswer>> {
  const to = parts.world.now();
  // Whole spans: what is asked for again and again with the last `to` is then complete.
  const first = Math.floor(to / spanMs) - spansKept + 1;
  const from = Math.max(first, Math.floor((timeIn("query", "since", query.since) ?? 0) / spanMs)) * spanMs;
  const only = await functionOf(parts, ns, query);
  const found = parts.metrics.calls.recent(ns, from, to).filter(({ functionId }) => only === undefined || functionId === only);
  const items = await Promise.all(found.map((one) => render(parts, ns, one, to - from)));
  return { from: time(from), to: time(to), spanMs, items, nextCursor: null };
}

async function functionOf(parts: KilnParts, ns: string, query: Static<typeof statsQuery>): Promise<string | undefined> {
  if (query.app === undefined) return query.function;
  if (query.function === undefined) throw invalid("app", "query app says which app `function` is in, and function is missing");
  return (await functionAt(parts, ns, query.app, query.function)).fn.id;
}

async function render(parts: KilnParts, ns: string, { functionId, appId, name, total, spans }: RecentFunction, ms: number) {
  return {
    functionId,
    app: await parts.metrics.appOf(ns, appId),
    function: name,
    ...total,
    sandboxes: parts.sandboxes?.(functionId) ?? null,
    callsPerS: Number(((total.calls * 1000) / Math.max(ms, 1)).toPrecision(4)),
    spans: spans.map(({ at, ...figures }) => ({ at: time(at), ...figures })),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
