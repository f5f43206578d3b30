import { isDeepStrictEqual } from "node:util";
import { nearest } from "../../lib/nearest.ts";
import type { AppAnswer, FunctionAnswer, KindAnswer, RouteAnswer } from "../answers.ts";
import { asFailure } from "../answer-failure.ts";
import type { Client } from "../client.ts";
import { exits, Failure } from "../failure.ts";
import type { Packed } from "./pack.ts";
import type { PlannedFunction, PlannedRoute, Project } from "./project.ts";

/** What a deployment makes: of our own files an app with functions and routes, of a manifest or of Lambda's files the rest. */
export type Noun = OwnNoun | "package" | "binding" | "action" | "sequence" | "trigger" | "rule" | "api" | ImportedNoun;
type OwnNoun = "app" | "function" | "route";
type ImportedNoun = "layer" | "alias" | "url" | "schedule";

/** What a deployment does to one thing; nothing is a change too, so that it can be told. */
export interface Change {
  readonly verb: "create" | "update" | "delete" | "keep";
  readonly noun: Noun;
  readonly name: string;
  /** Names of what differs; values may be secret. */
  readonly fields: readonly string[];
  /** What takes long in it, for people who wait. */
  readonly notice?: string | undefined;
  /** Does it. */
  apply(): Promise<void>;
}

/** What is on the server and in no file. */
export interface Leftover {
  readonly noun: Noun;
  readonly name: string;
}

export interface Plan {
  readonly changes: readonly Change[];
  readonly leftovers: readonly Leftover[];
}

export interface PlanOptions {
  readonly client: Client;
  /** `/kiln/v1/namespaces/NS`. */
  readonly home: string;
  readonly project: Project;
  readonly code: ReadonlyMap<string, Packed>;
  readonly prune: boolean;
}

/**
 * Code and nothing else, in one request: what `dev` does most. False when it has to go the long way, because it is large or the
 * function is not there.
 */
export async function swapCode(
  client: Client,
  home: string,
  project: Project,
  fn: PlannedFunction,
  packed: Packed,
): Promise<boolean> {
  if (packed.bytes.length > inlineBytesMax) return false;
  const path = `${home}/apps/${encodeURIComponent(project.app)}/functions/${encodeURIComponent(fn.name)}`;
  const body = { code: packed.bytes.toString("base64") };
  const answer = await client.exchange("PUT", path, { body, headers: { "if-match": "*" }, timeoutMs: uploadMsMax });
  // What it says of the code it would say again.
  if (answer.status === 422) throw await asFailure(client, "PUT", path, answer);
  return answer.status === 200;
}

/** Code up to this size goes inside the definition, so that both change in one step. */
const inlineBytesMax = 5 * 1024 * 1024;

/** Compares the project with the server. Changes only what differs, and only if nobody else changed it meanwhile. */
export async function planDeployment(options: PlanOptions): Promise<Plan> {
  const { client, home, project } = options;
  const app = `${home}/apps/${encodeURIComponent(project.app)}`;
  const [stored, functions, routes] = await Promise.all([
    client.find<AppAnswer>(app),
    existing<FunctionAnswer>(client, `${app}/functions`),
    existing<RouteAnswer>(client, `${app}/routes`),
  ]);
  const changes = [
    appChange(options, app, stored),
    ...project.functions.map((fn) =>
      functionChange(
        options,
        app,
        fn,
        functions.find(({ name }) => name === fn.name),
      ),
    ),
    ...project.routes.map((route) =>
      routeChange(
        options,
        app,
        route,
        routes.find(({ name }) => name === route.name),
      ),
    ),
  ];
  const leftovers: Leftover[] = [
    ...routes
      .filter(({ name }) => !project.routes.some((route) => route.name === name))
      .map(({ name }) => ({ noun: "route" as const, name })),
    ...functions
      .filter(({ name }) => !project.functions.some((fn) => fn.name === name))
      .map(({ name }) => ({ noun: "function" as const, name })),
  ];
  const deletions = options.prune ? leftovers.map((leftover) => deletion(client, app, leftover)) : [];
  return { changes: [...changes, ...deletions], leftovers: options.prune ? [] : leftovers };
}

/** Before anything is changed: a kind that the server does not have. Throws a `Failure`. */
export async function checkKinds(client: Client, project: Project): Promise<void> {
  const { items } = await client.get<{ items: KindAnswer[] }>("/kiln/v1/kinds");
  const families = items.filter((kind) => kind.default).map(({ name }) => name.slice(0, name.indexOf(":")));
  const known = [
    ...items.flatMap(({ name, aliases }) => [name, ...aliases]),
    ...families,
    ...families.map((name) => `${name}:default`),
  ];
  for (const { name, settings, place } of project.functions) {
    const kind = settings["kind"] as string | undefined;
    if (kind === undefined || known.includes(kind)) continue;
    const meant = nearest(kind, known);
    throw new Failure({
      code: "E_PROJECT",
      exit: exits.usage,
      what: `Function ${name} has the kind ${JSON.stringify(kind)}, which the server does not have`,
      where: place,
      why: `It has ${items.map((item) => item.name).join(", ")}`,
      fix: meant === undefined ? undefined : `did you mean ${meant}?`,
    });
  }
}

async function existing<T>(client: Client, path: string): Promise<T[]> {
  return (await client.find(path, { query: { limit: 1 } })) === null ? [] : await client.list<T>(path);
}

function appChange({ client, project }: PlanOptions, path: string, stored: AppAnswer | null): Change {
  const { appConfig, appAnnotations, appSyslogUrl } = project;
  const body = {
    ...(appConfig !== null && { config: appConfig }),
    ...(appAnnotations !== null && { annotations: appAnnotations }),
    ...(appSyslogUrl !== undefined && { syslogUrl: appSyslogUrl }),
  };
  const fields = stored === null ? [] : different(body, stored);
  return {
    verb: stored === null ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "app",
    name: project.app,
    fields,
    apply: async () => {
      await client.json("PUT", path, { body, headers: condition(stored?.revision) });
    },
  };
}

function functionChange(options: PlanOptions, app: string, fn: PlannedFunction, stored: FunctionAnswer | undefined): Change {
  const { client, code } = options;
  const path = `${app}/functions/${encodeURIComponent(fn.name)}`;
  const packed = code.get(fn.name);
  const isNewCode = packed !== undefined && packed.digest !== stored?.codeDigest;
  const fields = stored === undefined ? [] : different(comparable(fn.settings), stored);
  if (stored !== undefined && packed !== undefined && packed.digest !== stored.codeDigest) fields.unshift("code");
  // After going back a deploy, of the same code too, goes forward again.
  if (stored !== undefined && stored.traffic.length > 0) fields.push("traffic");
  return {
    verb: stored === undefined ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "function",
    name: fn.name,
    fields,
    notice: isNewCode && packed.installs !== null && fn.settings["install"] !== "none" ? noticeOf(fn, packed) : undefined,
    apply: async () => {
      const inline = isNewCode && packed.bytes.length <= inlineBytesMax;
      let revision = stored?.revision;
      if (isNewCode && !inline) revision = await upload(client, path, fn, packed, revision);
      const body = { ...fn.settings, ...(inline && { code: packed.bytes.toString("base64") }) };
      await client.json("PUT", path, { body, headers: condition(revision), timeoutMs: uploadMsMax });
    },
  };
}

function noticeOf({ name }: PlannedFunction, { installs }: Packed): string {
  return `installing the packages of ${name} on the server (${installs})`;
}

/** Installing packages is part of it. */
const uploadMsMax = 900_000;

async function upload(
  client: Client,
  path: string,
  fn: PlannedFunction,
  packed: Packed,
  revision: number | undefined,
): Promise<number> {
  const made = await client.json<FunctionAnswer>("PUT", `${path}/code`, {
    query: { kind: String(fn.settings["kind"]), install: String(fn.settings["install"] ?? "auto") },
    headers: { ...condition(revision), "content-type": packed.contentType },
    body: packed.bytes,
    timeoutMs: uploadMsMax,
  });
  return made.revision;
}

/** The server chooses the protocol when nobody names one, so it is no difference. */
function comparable(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([name, value]) => name !== "protocol" || value !== null));
}

function routeChange({ client }: PlanOptions, app: string, route: PlannedRoute, stored: RouteAnswer | undefined): Change {
  const body = { function: route.function, source: route.source };
  const fields = stored === undefined ? [] : different(body, stored);
  return {
    verb: stored === undefined ? "create" : fields.length > 0 ? "update" : "keep",
    noun: "route",
    name: route.name,
    fields,
    apply: async () => {
      await client.json("PUT", `${app}/routes/${encodeURIComponent(route.name)}`, { body, headers: condition(stored?.revision) });
    },
  };
}

function deletion(client: Client, app: string, { noun, name }: Leftover): Change {
  return {
    verb: "delete",
    noun,
    name,
    fields: [],
    apply: async () => {
      // A route goes with its function.
      const answer = await client.exchange("DELETE", `${app}/${noun}s/${encodeURIComponent(name)}`);
      if (answer.status !== 404 && answer.status !== 204)
        await client.send("DELETE", `${app}/${noun}s/${encodeURIComponent(name)}`);
    },
  };
}

/** Names of the wanted fields that are not so on the server; those of config one by one. */
function different(wanted: Readonly<Record<string, unknown>>, stored: object): string[] {
  const there = stored as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).flatMap(([name, value]) => {
    if (isDeepStrictEqual(plain(value), plain(there[name]))) return [];
    if (name !== "config") return [name];
    const [now, before] = [value as Record<string, string>, (there[name] ?? {}) as Record<string, string>];
    return [...new Set([...Object.keys(now), ...Object.keys(before)])]
      .filter((key) => now[key] !== before[key])
      .map((key) => `config.${key}`);
  });
}

function plain(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

/** Changes are made to what was looked at, or not at all. */
function condition(revision: number | undefined): Record<string, string> {
  return revision === undefined ? { "if-none-match": "*" } : { "if-match": String(revision) };
}
