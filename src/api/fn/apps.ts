/** `/v2/apps` and `/v2/apps/{app_id}`. */
import type { App } from "../../model/model.ts";
import { mergedAnnotations, newAnnotations } from "./annotations.ts";
import { mergedConfig, newConfig } from "./config.ts";
import type { Decoded } from "./decode.ts";
import { decodeBody, nullableString, rawMap, string, stringMap, time } from "./decode.ts";
import { conflict, invalid, notFound } from "./errors.ts";
import { isPathParameter, nameFault, shapes } from "./limits.ts";
import { nextCursor, pageOf, pageOfOne } from "./paging.ts";
import { noContentReply, okReply, renderApp, renderList } from "./render.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { checkSyslogUrl } from "./syslog.ts";
import { add, amend, removed } from "./write.ts";

const fields = {
  id: string,
  name: string,
  config: stringMap,
  annotations: rawMap,
  syslog_url: nullableString,
  shape: string,
  created_at: time,
  updated_at: time,
};

type Body = Decoded<typeof fields>;

export async function listApps({ store, namespace, query }: Exchange): Promise<Reply> {
  const page = pageOf(query);
  const name = query.get("name");
  const found = name ? pageOfOne(await store.apps.getByName(namespace, name), page) : await store.apps.list(namespace, page);
  return okReply(renderList(found.items.map(renderApp), nextCursor(found, page)));
}

export async function createApp(exchange: Exchange): Promise<Reply> {
  const draft = newApp(exchange, decodeBody(exchange.body, fields));
  const app = await add(exchange.store.apps, async () => {
    const holder = await exchange.store.apps.getByName(exchange.namespace, draft.name);
    if (holder !== undefined) throw conflict("App already exists");
    return { ...draft, id: exchange.newId() };
  });
  exchange.changed([app.id]);
  return okReply(renderApp(app));
}

export async function getApp(exchange: Exchange): Promise<Reply> {
  return okReply(renderApp(await findApp(exchange, exchange.id)));
}

export async function updateApp(exchange: Exchange): Promise<Reply> {
  const body = decodeBody(exchange.body, fields);
  if (body.id && body.id !== exchange.id) throw invalid("App ID in path does not match ID in body");
  const { item, changed } = await amend(
    exchange.store.apps,
    exchange.now,
    () => findApp(exchange, exchange.id),
    (stored) => mergedApp(stored, body),
  );
  if (changed) exchange.changed([item.id]);
  return okReply(renderApp(item));
}

export async function removeApp(exchange: Exchange): Promise<Reply> {
  const { store, namespace, id } = exchange;
  if (!isPathParameter(id) || !(await removed(store.apps.remove(namespace, id)))) throw notFound("App");
  exchange.changed([id]);
  return noContentReply();
}

/** The app of that id. Throws not_found "App not found". */
export async function findApp({ store, namespace }: Exchange, id: string): Promise<App> {
  const app = isPathParameter(id) ? await store.apps.get(namespace, id) : undefined;
  if (app === undefined) throw notFound("App");
  return app;
}

/** Checks in Fn's order. */
function newApp({ namespace, now }: Exchange, body: Body): Omit<App, "id"> {
  if (body.id) throw invalid("App ID cannot be supplied on create");
  const name = checkedName(body.name ?? "");
  const annotations = newAnnotations(body.annotations);
  const syslogUrl = body.syslog_url ? checkSyslogUrl(body.syslog_url) : null;
  const shape = body.shape ?? "";
  if (!shapes.includes(shape)) throw invalid("Invalid app shape");
  const createdAt = now();
  const config = newConfig(body.config);
  return { namespace, name, config, annotations, syslogUrl, shape, revision: 1, createdAt, updatedAt: createdAt };
}

function mergedApp(stored: App, body: Body): App {
  if (body.name && body.name !== stored.name) throw conflict("Could not update - name is immutable");
  const annotations = mergedAnnotations(stored.annotations, body.annotations);
  const syslogUrl = mergedSyslogUrl(stored.syslogUrl, body.syslog_url);
  const config = mergedConfig(stored.config, body.config);
  const isSame = annotations === stored.annotations && syslogUrl === stored.syslogUrl && config === stored.config;
  return isSame ? stored : { ...stored, annotations, syslogUrl, config };
}

function mergedSyslogUrl(stored: string | null, given: string | undefined): string | null {
  if (given === undefined || given === stored) return stored;
  return given === "" ? null : checkSyslogUrl(given);
}

function checkedName(name: string): string {
  switch (nameFault(name, "plain")) {
    case "missing":
      throw invalid("Missing Name");
    case "too long":
      throw invalid("App name must be 255 characters or less");
    case "invalid":
      throw invalid("Invalid app name");
    case null:
      return name;
  }
}
