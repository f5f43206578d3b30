/** `/namespaces/{namespace}/packages` and what is below it. */
import { type SharedApp, sharedApp } from "../../invocation/shared-app.ts";
import { PlatformError } from "../../model/error.ts";
import type { App, AppBinding, Fn } from "../../model/model.ts";
import { objectIn } from "./body.ts";
import { checkFree, missingIn } from "./collections.ts";
import { listed, put, removed } from "./entity.ts";
import { badRequest, conflict, notThereNamed, packageNotEmpty } from "./errors.ts";
import { sizeLimits } from "./limits.ts";
import { okReply } from "./ok-reply.ts";
import {
  changedPackage,
  newPackage,
  type PackageGiven,
  readPackage,
  renderContents,
  renderPackage,
  summarizePackage,
} from "./package.ts";
import { flag } from "./query.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";

/** Actions of one package that are shown with it. */
const contentsMax = 10_000;
/** The default package is written like this in some paths, and in those of our own API. */
const reserved: ReadonlySet<string> = new Set(["default", "_"]);

/** Of another namespace those that it shares. */
export async function listPackages(exchange: Exchange): Promise<Reply> {
  const { context, namespace, owner } = exchange;
  const { apps } = context.store;
  const isOwn = owner === namespace;
  return await listed(exchange, "packages", {
    latest: (page) => (isOwn ? apps.latest(owner, page) : apps.latestPublished(owner, page)),
    count: () => (isOwn ? apps.count(owner) : apps.countPublished(owner)),
    render: summarizePackage,
  });
}

export async function getPackage(exchange: Exchange): Promise<Reply> {
  const { owner, name } = exchange;
  const { app, binding } = await packageNamed(exchange, name, () => notThereNamed(`${owner}/${name}`));
  const contents = renderContents(await contentsOf(exchange, app));
  return okReply({ ...(binding === null ? renderPackage(app) : renderPackage(binding, app)), ...contents });
}

export async function putPackage(exchange: Exchange): Promise<Reply> {
  const { context, namespace, name, request } = exchange;
  if (reserved.has(name)) throw badRequest(`Package name '${name}' is reserved.`);
  const given = readPackage(await objectIn(request, sizeLimits.bodyBytesMax), namespace);
  const app = await put<App>(exchange, context.store.apps, {
    make: (now) => created(exchange, given, now),
    async merge(stored, now) {
      if (given.binding !== undefined && stored.binding === undefined)
        throw conflict("Resource is a package and cannot be converted into a binding.");
      if (given.binding !== undefined) await checkBinding(exchange, given.binding);
      return changedPackage(stored, given, now);
    },
  });
  context.appChanged(namespace, app.id);
  return okReply(renderPackage(app));
}

export async function removePackage(exchange: Exchange): Promise<Reply> {
  const { context, namespace, name, query } = exchange;
  const { apps, functions } = context.store;
  const app = await apps.getByName(namespace, name);
  if (app === undefined) throw await missingIn(exchange, "packages", name);
  const count = await functions.count(namespace, app.id);
  if (count > 0 && !flag(query, "force")) throw packageNotEmpty(count);
  await removed(apps.remove(namespace, app.id));
  context.appChanged(namespace, app.id);
  return okReply(renderPackage(app));
}

/** A package that the caller may read, and what it stands for. Throws `Refusal`; `absent`: what for an own one that is in no collection. */
export async function packageNamed(
  exchange: Pick<Exchange, "context" | "namespace" | "owner">,
  name: string,
  absent?: Parameters<typeof missingIn>[3],
): Promise<SharedApp> {
  const { context, namespace, owner } = exchange;
  try {
    return await sharedApp(context.store.apps, namespace, owner, name);
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found") throw await missingIn(exchange, "packages", name, absent);
    throw error;
  }
}

async function created(exchange: Exchange, given: PackageGiven, now: number): Promise<App> {
  const { context, namespace, name } = exchange;
  if (given.binding !== undefined) await checkBinding(exchange, given.binding);
  await checkFree(exchange, "packages", name);
  return newPackage({ id: context.world.newId(), namespace, name, now }, given);
}

/** What is bound to is a package that the caller may read. */
async function checkBinding(exchange: Exchange, { namespace: provider, name }: AppBinding): Promise<void> {
  const { context, namespace } = exchange;
  if (provider !== namespace) {
    await sharedApp(context.store.apps, namespace, provider, name);
    return;
  }
  const found = await context.store.apps.getByName(provider, name);
  if (found?.binding !== undefined) throw badRequest("Cannot bind to another package binding.");
  if (found !== undefined) return;
  await checkFree(exchange, "packages", name).catch(() => {
    throw conflict("Cannot bind to a resource that is not a package.");
  });
  throw badRequest("Binding references a package that does not exist.");
}

async function contentsOf({ context }: Exchange, { namespace, id }: App): Promise<readonly Fn[]> {
  return await context.store.functions.latest(namespace, id, { skip: 0, limit: contentsMax });
}
