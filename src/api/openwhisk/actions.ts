/** `/namespaces/{namespace}/actions` and what is below it, but for calls. */
import { abortSignalOf } from "../../lib/cancel.ts";
import { PlatformError } from "../../model/error.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import { type ActionGiven, changedAction, newAction, readAction, renderAction, summarizeAction } from "./action.ts";
import { objectIn } from "./body.ts";
import { badRequest, changedMeanwhile, existsAlready, notThere, otherCollection, status } from "./errors.ts";
import { storeExec } from "./exec.ts";
import { sizeLimits } from "./limits.ts";
import type { ActionName } from "./names.ts";
import { flag, listQuery } from "./query.ts";
import { jsonReply, type Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";

const attemptsMax = 100;

/** An action with the package it is in. */
export interface FoundAction {
  readonly fn: Fn;
  readonly app: App | null;
}

export async function listActions(exchange: Exchange): Promise<Reply> {
  const { context, namespace, query } = exchange;
  const { functions } = context.store;
  const { skip, limit, count } = listQuery(query, "actions");
  const app = exchange.action.pkg === null ? undefined : await packageNamed(exchange, exchange.action.pkg);
  const appId = app === undefined ? undefined : app.id;
  if (count) return okReply({ actions: Math.max(0, (await functions.count(namespace, appId)) - skip) });
  const found = await functions.latest(namespace, appId, { skip, limit });
  const apps = await appsOf(exchange, found);
  return okReply(found.map((fn) => summarizeAction(fn, appIn(apps, fn))));
}

export async function getAction(exchange: Exchange): Promise<Reply> {
  const { fn, app } = await actionNamed(exchange, exchange.action);
  return okReply(await renderAction(fn, app, flag(exchange.query, "code", true), exchange.context.images));
}

export async function putAction(exchange: Exchange): Promise<Reply> {
  const { context, namespace, query, action } = exchange;
  const overwrite = flag(query, "overwrite");
  const body = await objectIn(exchange.request, sizeLimits.bodyBytesMax);
  const app = action.pkg === null ? null : await packageNamed(exchange, action.pkg);
  const stored = await context.store.functions.getByName(namespace, app?.id ?? null, action.name);
  if (stored !== undefined && !overwrite) throw existsAlready();
  const given = readAction(body, context.images.kinds);
  if (stored === undefined && given.exec === undefined) throw badRequest("exec undefined");
  if (stored === undefined) await checkFree(exchange, action);
  const source = await sourceOf(exchange, given);
  const fn = await written(exchange, { app, overwrite, given, source });
  context.changed(namespace, fn.id, fn);
  context.expect?.(fn, app);
  return okReply(await renderAction(fn, app, true, context.images));
}

export async function removeAction(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const { fn, app } = await actionNamed(exchange, exchange.action);
  const rendered = await renderAction(fn, app, true, context.images);
  try {
    await context.store.functions.remove(namespace, fn.id);
  } catch (error) {
    throw error instanceof PlatformError && error.code === "not_found" ? notThere() : error;
  }
  context.changed(namespace, fn.id, null);
  return okReply(rendered);
}

/** Throws `Refusal`. */
export async function actionNamed(exchange: Exchange, { pkg, name }: ActionName): Promise<FoundAction> {
  const { context, namespace } = exchange;
  const app = pkg === null ? null : await packageNamed(exchange, pkg);
  const fn = await context.store.functions.getByName(namespace, app?.id ?? null, name);
  if (fn !== undefined) return { fn, app };
  if (pkg === null && (await isPackage(exchange, name))) throw otherCollection();
  throw notThere();
}

async function packageNamed({ context, namespace }: Exchange, name: string): Promise<App> {
  const app = await context.store.apps.getByName(namespace, name);
  if (app === undefined) throw notThere();
  return app;
}

async function isPackage({ context, namespace }: Exchange, name: string): Promise<boolean> {
  return (await context.store.apps.getByName(namespace, name)) !== undefined;
}

/** A package and an action of the default one cannot have one name. */
async function checkFree(exchange: Exchange, { pkg, name }: ActionName): Promise<void> {
  if (pkg === null && (await isPackage(exchange, name))) throw otherCollection();
}

/** The code of a body, stored, with the packages that it names. */
async function sourceOf({ context, namespace, request }: Exchange, { exec }: ActionGiven): Promise<Source | null> {
  if (exec === undefined) return null;
  const source = await storeExec(exec, context.images);
  const dependencies = await context.install?.(source, namespace, abortSignalOf(request.signal));
  return dependencies === undefined || dependencies === null ? source : { ...source, dependencies };
}

interface Change {
  readonly app: App | null;
  readonly overwrite: boolean;
  readonly given: ActionGiven;
  readonly source: Source | null;
}

/** Reads, merges and writes, again when somebody else wrote in between: nobody's change is lost. */
async function written(exchange: Exchange, { app, overwrite, given, source }: Change): Promise<Fn> {
  const { context, namespace, action } = exchange;
  const { world, store } = context;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await store.functions.getByName(namespace, app?.id ?? null, action.name);
    if (stored !== undefined && !overwrite) throw existsAlready();
    const now = world.now();
    try {
      if (stored !== undefined) return await store.functions.update(changedAction(stored, given, source, now));
      const base = { id: world.newId(), namespace, app, name: action.name, now };
      return await store.functions.create(newAction(base, given, source));
    } catch (error) {
      if (!isRace(error)) throw error;
    }
  }
  throw changedMeanwhile();
}

/** Somebody else wrote, or removed what was to be written. */
function isRace(error: unknown): boolean {
  if (!(error instanceof PlatformError) || error.details["extension"] !== undefined) return false;
  return error.code === "conflict" || error.code === "not_found";
}

/** The packages that some actions are in, by id. */
export async function appsOf(
  { context, namespace }: Pick<Exchange, "context" | "namespace">,
  items: readonly { readonly appId: string | null }[],
): Promise<ReadonlyMap<string, App>> {
  const ids = new Set(items.flatMap(({ appId }) => (appId === null ? [] : [appId])));
  const apps = await Promise.all([...ids].map((id) => context.store.apps.get(namespace, id)));
  return new Map(apps.flatMap((app) => (app === undefined ? [] : [[app.id, app] as const])));
}

export function appIn(apps: ReadonlyMap<string, App>, { appId }: { readonly appId: string | null }): App | null {
  return appId === null ? null : (apps.get(appId) ?? null);
}

export function okReply(value: unknown): Reply {
  return jsonReply(status.ok, JSON.stringify(value));
}
