/** What the page asks of the API, by noun. */
import { nullApp } from "../router.ts";
import { addressOf, ApiError, checked, getJson, type Query, send } from "./client.ts";
import type { Activation, App, CallResult, DeadLetter, Fn, LogLine, Namespace, Page, Stats } from "./types.ts";

const part = encodeURIComponent;
const inNamespace = (ns: string, rest: string) => `namespaces/${part(ns)}/${rest}`;

/** Of the server's own; larger pages are not given. */
const pageMax = 100;

export async function listNamespaces(signal: AbortSignal): Promise<readonly Namespace[]> {
  return await all<Namespace>("namespaces", signal);
}

export async function serverVersion(signal: AbortSignal): Promise<string> {
  return (await getJson<{ version: string }>("health", {}, signal)).version;
}

/** The functions of all apps, those of the null app first. */
export async function listFunctions(ns: string, signal: AbortSignal): Promise<readonly Fn[]> {
  const apps = await all<App>(inNamespace(ns, "apps"), signal);
  const paths = [nullApp, ...apps.map(({ name }) => name)].map((app) => inNamespace(ns, `apps/${part(app)}/functions`));
  return (await Promise.all(paths.map((path) => all<Fn>(path, signal)))).flat();
}

export async function getFunction(ns: string, app: string | null, name: string, signal: AbortSignal): Promise<Fn> {
  return await getJson<Fn>(inNamespace(ns, `apps/${part(app ?? nullApp)}/functions/${part(name)}`), {}, signal);
}

/** Which records: `function` is an id, times are milliseconds since the epoch. */
export interface ActivationQuery {
  readonly function?: string;
  readonly status?: string;
  readonly from?: number;
  readonly cursor?: string;
  readonly limit?: number;
}

export async function listActivations(ns: string, query: ActivationQuery, signal: AbortSignal): Promise<Page<Activation>> {
  return await getJson<Page<Activation>>(inNamespace(ns, "activations"), { limit: pageMax, ...query }, signal);
}

export async function getActivation(ns: string, id: string, signal: AbortSignal): Promise<Activation> {
  return await getJson<Activation>(inNamespace(ns, `activations/${part(id)}`), {}, signal);
}

export async function getLogs(ns: string, id: string, signal: AbortSignal): Promise<readonly LogLine[]> {
  return (await getJson<{ items: LogLine[] }>(inNamespace(ns, `activations/${part(id)}/logs`), {}, signal)).items;
}

/** Figures of the last minutes: of one function by its id, or of all. */
export async function getStats(ns: string, functionId: string | undefined, signal: AbortSignal): Promise<Stats> {
  return await getJson<Stats>(inNamespace(ns, "stats"), { function: functionId }, signal);
}

/** A request to call a function, ready to be sent. */
export function callAddress(ns: string, app: string | null, name: string, later: boolean): URL {
  const path = inNamespace(ns, `apps/${part(app ?? nullApp)}/functions/${part(name)}/invoke`);
  return addressOf(path, later ? { wait: "none" } : {});
}

/** What an asynchronous call answered; undefined where nothing is kept. */
export async function getResult(ns: string, id: string, signal: AbortSignal): Promise<CallResult | undefined> {
  return await kept(getJson<CallResult>(inNamespace(ns, `activations/${part(id)}/result`), {}, signal));
}

/** A call that was given up, with what it was sent; undefined where it is gone. */
export async function getDeadLetter(ns: string, id: string, signal: AbortSignal): Promise<DeadLetter | undefined> {
  return await kept(getJson<DeadLetter>(inNamespace(ns, `dead-letters/${part(id)}`), {}, signal));
}

/** Accepts a call that was given up anew; the id of its new activation. */
export async function redrive(ns: string, id: string): Promise<string> {
  const url = addressOf(inNamespace(ns, `dead-letters/${part(id)}/redrive`));
  const response = await checked(await send(url, { method: "POST" }));
  return ((await response.json()) as { activationId: string }).activationId;
}

async function kept<T>(found: Promise<T>): Promise<T | undefined> {
  return await found.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
}

/** Ends a call that waits or runs. */
export async function cancelActivation(ns: string, id: string): Promise<void> {
  const url = addressOf(inNamespace(ns, `activations/${part(id)}/cancel`));
  await checked(await send(url, { method: "POST" }));
}

async function all<T>(path: string, signal: AbortSignal): Promise<readonly T[]> {
  const items: T[] = [];
  let query: Query = { limit: pageMax };
  for (;;) {
    const page = await getJson<Page<T>>(path, query, signal);
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    query = { limit: pageMax, cursor: page.nextCursor };
  }
}
