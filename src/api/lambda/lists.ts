/** Functions, page by page. */
import type { App, Fn } from "../../model/model.ts";
import { renderConfiguration } from "./configuration.ts";
import { invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { marker, markerIn, pageSize } from "./pages.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** Those of the null app first, then those of each app, by name. */
export async function listFunctions(exchange: Exchange): Promise<Reply> {
  const { query } = exchange;
  const [appName = null, after = ""] = markerIn(query) ?? [];
  if (!isTextOrNull(appName) || !isTextOrNull(after)) throw invalidParameter("The marker is not one that this server gave");
  const wanted = pageSize(query);
  const all = query.get("FunctionVersion") === "ALL";
  const found: object[] = [];
  let place: Place | null = { appName, after: after ?? "" };
  while (place !== null && found.length < wanted) {
    const page: FnPage = await pageAt(exchange, place, wanted - found.length);
    for (const fn of page.items) found.push(...(await shownVersions(exchange, fn, page.app, all)));
    place = page.next;
  }
  const next = place === null ? {} : { NextMarker: marker(place.appName, place.after) };
  return jsonReply(status.ok, { Functions: found, ...next });
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

/** Where a list goes on: behind a function, in an app or (null) in none. */
interface Place {
  readonly appName: string | null;
  readonly after: string;
}

interface FnPage {
  readonly items: readonly Fn[];
  readonly app: App | null;
  readonly next: Place | null;
}

async function pageAt({ context, namespace }: Exchange, { appName, after }: Place, limit: number): Promise<FnPage> {
  const { apps, functions } = context.store;
  const app = appName === null ? null : ((await apps.getByName(namespace, appName)) ?? undefined);
  const page = app === undefined ? { items: [], next: null } : await functions.list(namespace, app?.id ?? null, { after, limit });
  if (page.next !== null) return { items: page.items, app: app ?? null, next: { appName, after: page.next } };
  const [nextApp] = (await apps.list(namespace, { after: appName ?? "", limit: 1 })).items;
  return { items: page.items, app: app ?? null, next: nextApp === undefined ? null : { appName: nextApp.name, after: "" } };
}

async function shownVersions({ context }: Exchange, fn: Fn, app: App | null, all: boolean): Promise<readonly object[]> {
  const newest = renderConfiguration(context, { fn, app, version: null, qualified: all });
  if (!all) return [newest];
  const { versions } = await context.notes.of(fn);
  const shown = await Promise.all(
    versions.map(async (version) => {
      const at = (await context.store.functions.revision(fn.namespace, fn.id, version.revision)) ?? fn;
      return renderConfiguration(context, { fn: at, app, version });
    }),
  );
  return [newest, ...shown];
}
