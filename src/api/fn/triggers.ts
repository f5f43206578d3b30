/** `/v2/triggers` and `/v2/triggers/{trigger_id}`: the model's routes. */
import type { App, Route } from "../../model/model.ts";
import { endpointKeys, mergedAnnotations, newAnnotations } from "./annotations.ts";
import { findApp } from "./apps.ts";
import type { Decoded } from "./decode.ts";
import { decodeBody, rawMap, string, time } from "./decode.ts";
import { conflict, invalid, notFound } from "./errors.ts";
import { findFn } from "./fns.ts";
import { isPathParameter, nameFault } from "./limits.ts";
import { nextCursor, pageOf } from "./paging.ts";
import { noContentReply, okReply, renderList, renderTrigger } from "./render.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { add, amend, removed } from "./write.ts";

const fields = {
  id: string,
  name: string,
  app_id: string,
  fn_id: string,
  type: string,
  source: string,
  annotations: rawMap,
  created_at: time,
  updated_at: time,
};

type Body = Decoded<typeof fields>;

export async function listTriggers(exchange: Exchange): Promise<Reply> {
  const { store, namespace, query } = exchange;
  const appId = query.get("app_id");
  if (!appId) throw invalid("Missing App ID on Trigger");
  const page = pageOf(query);
  const filter = { functionId: query.get("fn_id") || undefined, name: query.get("name") || undefined };
  const found = await store.routes.list(namespace, appId, filter, page);
  // Without its app a list is empty, so the look-up only has to find a name for what was found.
  const app = found.items.length === 0 ? undefined : await store.apps.get(namespace, appId);
  const rendered = found.items.map((route) => renderTrigger(route, endpointOf(exchange, app?.name ?? "", route)));
  return okReply(renderList(rendered, nextCursor(found, page)));
}

export async function createTrigger(exchange: Exchange): Promise<Reply> {
  const draft = newRoute(exchange, decodeBody(exchange.body, fields));
  let app: App | undefined;
  const route = await add(exchange.store.routes, async () => {
    app = await findApp(exchange, draft.appId);
    await checkOwned(exchange, draft);
    await checkSourceFree(exchange, draft);
    await checkNameFree(exchange, draft);
    return { ...draft, id: exchange.newId() };
  });
  exchange.changed([route.id]);
  return okReply(renderTrigger(route, endpointOf(exchange, app?.name ?? "", route)));
}

export async function getTrigger(exchange: Exchange): Promise<Reply> {
  const route = await findRoute(exchange);
  const app = await findApp(exchange, route.appId);
  return okReply(renderTrigger(route, endpointOf(exchange, app.name, route)));
}

/** For load balancers: `/v2/runner/apps/{app_id}/triggerBySource/{type}/{source}`, where the source begins with a slash of its own. */
export async function getTriggerBySource({ store, namespace, id, rest: [type, source = ""] }: Exchange): Promise<Reply> {
  const route = type === "http" && isPathParameter(id) ? await store.routes.getBySource(namespace, id, source) : undefined;
  if (route === undefined) throw notFound("Trigger");
  return okReply(renderTrigger(route, null));
}

/** `type` and `app_id` in the body are ignored. */
export async function updateTrigger(exchange: Exchange): Promise<Reply> {
  const body = decodeBody(exchange.body, fields);
  if (body.id && body.id !== exchange.id) throw invalid("ID in path does not match ID in body");
  const { item, changed } = await amend(
    exchange.store.routes,
    exchange.now,
    () => findRoute(exchange),
    (stored) => mergedRoute(exchange, stored, body),
  );
  if (changed) exchange.changed([item.id]);
  return okReply(renderTrigger(item, null));
}

export async function removeTrigger(exchange: Exchange): Promise<Reply> {
  const { store, namespace, id } = exchange;
  if (!isPathParameter(id) || !(await removed(store.routes.remove(namespace, id)))) throw notFound("Trigger");
  exchange.changed([id]);
  return noContentReply();
}

async function findRoute({ store, namespace, id }: Exchange): Promise<Route> {
  const route = isPathParameter(id) ? await store.routes.get(namespace, id) : undefined;
  if (route === undefined) throw notFound("Trigger");
  return route;
}

function endpointOf({ baseUrl, urls }: Exchange, appName: string, route: Route): string {
  const url = `${baseUrl}/t/${appName}${route.source}`;
  return urls?.trigger(route, url) ?? url;
}

/** Checks in Fn's order what can be checked without the store. */
function newRoute({ namespace, now }: Exchange, body: Body): Omit<Route, "id"> {
  if (body.id) throw invalid("ID cannot be provided for Trigger creation");
  if (body.created_at !== undefined) throw invalid("Trigger Created At Provided for Create");
  // Fn says "Trigger ID Provided for Create" here, which is a slip of its own.
  if (body.updated_at !== undefined) throw invalid("Trigger Updated At Provided for Create");
  if (!body.app_id) throw invalid("Missing App ID on Trigger");
  const name = checkedName(body.name ?? "");
  if (!body.fn_id) throw invalid("Missing Fn ID on Trigger");
  if (body.type !== "http") throw invalid("Trigger Type Not Supported");
  const source = checkedSource(body.source ?? "");
  const annotations = newAnnotations(body.annotations, endpointKeys.trigger);
  const createdAt = now();
  return {
    namespace,
    appId: body.app_id,
    functionId: body.fn_id,
    name,
    source,
    annotations,
    revision: 1,
    createdAt,
    updatedAt: createdAt,
  };
}

/** What is new is checked as on create, which Fn forgets for the function, a taken source and a taken name. */
async function mergedRoute(exchange: Exchange, stored: Route, body: Body): Promise<Route> {
  const name = body.name && body.name !== stored.name ? checkedName(body.name) : stored.name;
  const source = body.source && body.source !== stored.source ? checkedSource(body.source) : stored.source;
  const annotations = mergedAnnotations(stored.annotations, body.annotations, endpointKeys.trigger);
  const functionId = body.fn_id || stored.functionId;
  const merged: Route = { ...stored, name, source, annotations, functionId };
  if (functionId !== stored.functionId) await checkOwned(exchange, merged);
  if (source !== stored.source) await checkSourceFree(exchange, merged, stored.id);
  if (name !== stored.name || functionId !== stored.functionId) await checkNameFree(exchange, merged, stored.id);
  const isSame =
    name === stored.name && source === stored.source && annotations === stored.annotations && functionId === stored.functionId;
  return isSame ? stored : merged;
}

async function checkOwned(exchange: Exchange, route: Omit<Route, "id">): Promise<void> {
  const fn = await findFn(exchange, route.functionId);
  if (fn.appId !== route.appId) throw invalid("Invalid Fn ID - not owned by specified app");
}

/** Free, or held by the very route that `id` names. */
async function checkSourceFree({ store, namespace }: Exchange, route: Omit<Route, "id">, id?: string): Promise<void> {
  const holder = await store.routes.getBySource(namespace, route.appId, route.source);
  if (holder !== undefined && holder.id !== id) {
    throw conflict("Trigger with the same type and source exists on this app");
  }
}

async function checkNameFree({ store, namespace }: Exchange, route: Omit<Route, "id">, id?: string): Promise<void> {
  const filter = { functionId: route.functionId, name: route.name };
  const { items } = await store.routes.list(namespace, route.appId, filter, { limit: 2 });
  if (items.some((holder) => holder.id !== id)) throw conflict("Trigger already exists");
}

function checkedName(name: string): string {
  switch (nameFault(name, "plain")) {
    case "missing":
      throw invalid("Missing name on Trigger");
    case "too long":
      throw invalid("Trigger name must be 255 characters or less");
    case "invalid":
      throw invalid("Invalid name for Trigger");
    case null:
      return name;
  }
}

function checkedSource(source: string): string {
  if (source === "") throw invalid("Missing Trigger Source");
  if (!source.startsWith("/")) throw invalid("Missing Trigger Source Prefix '/'");
  return source;
}
