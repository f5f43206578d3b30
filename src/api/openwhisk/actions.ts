/** `/namespaces/{namespace}/actions` and what is below it, but for calls. */
import { abortSignalOf } from "../../lib/cancel.ts";
import type { SharedApp } from "../../invocation/shared-app.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import { type ActionGiven, changedAction, newAction, readAction, renderAction, summarizeAction } from "./action.ts";
import { objectIn } from "./body.ts";
import { checkFree, missingIn } from "./collections.ts";
import { badRequest, changedMeanwhile, existsAlready, notThere } from "./errors.ts";
import { storeExec } from "./exec.ts";
import { isRace, removed } from "./entity.ts";
import { sizeLimits } from "./limits.ts";
import type { ActionName } from "./names.ts";
import { okReply } from "./ok-reply.ts";
import { inherited } from "./package.ts";
import { packageNamed } from "./packages.ts";
import { flag, listQuery } from "./query.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { checkSequence } from "./sequence.ts";

const attemptsMax = 100;

/** An action with the package it is in, and the binding that led there. */
export interface FoundAction {
  readonly fn: Fn;
  readonly app: App | null;
  readonly binding: App | null;
}

export async function listActions(exchange: Exchange): Promise<Reply> {
  const { context, namespace, query } = exchange;
  const { functions } = context.store;
  const { skip, limit, count } = listQuery(query, "actions");
  const { pkg } = exchange.action;
  const app = pkg === null ? undefined : (await packageNamed(exchange, pkg)).app;
  const owner = app?.namespace ?? namespace;
  if (count) return okReply({ actions: Math.max(0, (await functions.count(owner, app?.id)) - skip) });
  const found = await functions.latest(owner, app?.id, { skip, limit });
  const apps = await appsOf({ context, namespace: owner }, found);
  return okReply(found.map((fn) => summarizeAction(fn, appIn(apps, fn))));
}

export async function getAction(exchange: Exchange): Promise<Reply> {
  const { fn, app, binding } = await actionNamed(exchange, exchange.action);
  const merged = { ...fn, ...inherited(app, binding, fn) };
  return okReply(await renderAction(merged, app, flag(exchange.query, "code", true), exchange.context.images));
}

export async function putAction(exchange: Exchange): Promise<Reply> {
  const { context, namespace, query, action } = exchange;
  const overwrite = flag(query, "overwrite");
  const body = await objectIn(exchange.request, sizeLimits.bodyBytesMax);
  const app = action.pkg === null ? null : changeable(await packageNamed(exchange, action.pkg));
  const stored = await context.store.functions.getByName(namespace, app?.id ?? null, action.name);
  if (stored !== undefined && !overwrite) throw existsAlready();
  if (stored !== undefined) context.kinds.checkInUse(stored);
  const given = readAction(body, context.kinds, namespace);
  if (stored === undefined && given.exec === undefined && given.sequence === undefined) throw badRequest("exec undefined");
  if (stored === undefined && action.pkg === null) await checkFree(exchange, "actions", action.name);
  if (given.sequence !== undefined)
    await checkSequence(context, given.sequence, { namespace, app: app?.name ?? null, name: action.name }, stored?.id);
  const source = given.sequence ?? (await sourceOf(exchange, given));
  const fn = await written(exchange, { app, overwrite, given, source });
  context.changed(namespace, fn.id, fn);
  context.expect?.(fn, app);
  return okReply(await renderAction(fn, app, true, context.images));
}

export async function removeAction(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const { fn, app, binding } = await actionNamed(exchange, exchange.action);
  if (binding !== null) throw inBinding();
  const rendered = await renderAction(fn, app, true, context.images);
  await removed(context.store.functions.remove(namespace, fn.id));
  context.changed(namespace, fn.id, null);
  return okReply(rendered);
}

/** Throws `Refusal`. */
export async function actionNamed(exchange: Exchange, { pkg, name }: ActionName): Promise<FoundAction> {
  const { context, namespace } = exchange;
  const shared = pkg === null ? null : await packageNamed(exchange, pkg);
  const app = shared?.app ?? null;
  const fn = await context.store.functions.getByName(app?.namespace ?? namespace, app?.id ?? null, name);
  if (fn !== undefined) return { fn, app, binding: shared?.binding ?? null };
  throw pkg === null ? await missingIn(exchange, "actions", name) : notThere();
}

/** The package, if it has actions of its own. */
function changeable({ app, binding }: SharedApp): App {
  if (binding !== null) throw inBinding();
  return app;
}

const inBinding = () => badRequest("Operation not permitted on package binding.");

/** The code of a body, stored, with the packages that it names. */
async function sourceOf({ context, namespace, request }: Exchange, { exec }: ActionGiven): Promise<Source | null> {
  if (exec === undefined) return null;
  const source = await storeExec(exec, context.images);
  if (source.type !== "code") return source;
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

/** The packages that some actions are in, by id. */
export async function appsOf(
  { context, namespace }: Pick<Exchange, "context" | "namespace">,
  items: readonly { readonly appId: string | null; readonly provider?: string }[],
): Promise<ReadonlyMap<string, App>> {
  const owners = new Map(
    items.flatMap(({ appId, provider = namespace }) => (appId === null ? [] : [[appId, provider] as const])),
  );
  const apps = await Promise.all([...owners].map(([id, owner]) => context.store.apps.get(owner, id)));
  return new Map(apps.flatMap((app) => (app === undefined ? [] : [[app.id, app] as const])));
}

export function appIn(apps: ReadonlyMap<string, App>, { appId }: { readonly appId: string | null }): App | null {
  return appId === null ? null : (apps.get(appId) ?? null);
}
