/** `/v2/fns` and `/v2/fns/{fn_id}`. */
import { fnDefaults } from "../../model/fn-defaults.ts";
import { declared, declaredText } from "../../model/declared.ts";
import type { Annotations, Fn } from "../../model/model.ts";
import { endpointKeys, mergedAnnotations, newAnnotations } from "./annotations.ts";
import { findApp } from "./apps.ts";
import { mergedConfig, newConfig } from "./config.ts";
import type { Decoded } from "./decode.ts";
import { decodeBody, int32, rawMap, string, stringMap, time, uint64 } from "./decode.ts";
import { conflict, invalid, notFound } from "./errors.ts";
import { protocolOf } from "./format.ts";
import { fnLimits, isPathParameter, nameFault } from "./limits.ts";
import { nextCursor, pageOf, pageOfOne } from "./paging.ts";
import { noContentReply, okReply, renderFn, renderList, shownSeconds } from "./render.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { imageCode, shownImage, withImage } from "./source.ts";
import { add, amend, removed } from "./write.ts";

const fields = {
  id: string,
  name: string,
  app_id: string,
  image: string,
  memory: uint64,
  timeout: int32,
  idle_timeout: int32,
  config: stringMap,
  annotations: rawMap,
  shape: string,
  // Clients of old servers send it; those of today can say the same in an annotation.
  format: string,
  created_at: time,
  updated_at: time,
};

type Body = Decoded<typeof fields>;

export async function listFns(exchange: Exchange): Promise<Reply> {
  const { store, namespace, query } = exchange;
  const appId = query.get("app_id");
  if (!appId) throw invalid("Missing AppID on Fn");
  const page = pageOf(query);
  const name = query.get("name");
  const found = name
    ? pageOfOne(await store.functions.getByName(namespace, appId, name), page)
    : await store.functions.list(namespace, appId, page);
  const rendered = found.items.map((fn) => renderFn(fn, endpointOf(exchange, fn)));
  return okReply(renderList(rendered, nextCursor(found, page)));
}

export async function createFn(exchange: Exchange): Promise<Reply> {
  const draft = newFn(exchange, decodeBody(exchange.body, fields));
  const fn = await add(exchange.store.functions, async () => {
    const app = await findApp(exchange, draft.appId);
    const holder = await exchange.store.functions.getByName(exchange.namespace, app.id, draft.name);
    if (holder !== undefined) throw conflict("Fn with specified name already exists");
    await checkPathFree(exchange, app.id, draft.annotations);
    return { ...draft, id: exchange.newId(), shape: app.shape };
  });
  exchange.changed([fn.id]);
  await expectCalls(exchange, fn);
  return okReply(renderFn(fn, endpointOf(exchange, fn), "{}"));
}

export async function getFn(exchange: Exchange): Promise<Reply> {
  const fn = await findFn(exchange, exchange.id);
  return okReply(renderFn(fn, endpointOf(exchange, fn)));
}

/** `name`, `app_id` and `shape` in the body are ignored. */
export async function updateFn(exchange: Exchange): Promise<Reply> {
  const body = decodeBody(exchange.body, fields);
  if (body.id && body.id !== exchange.id) throw invalid("Fn ID in path does not match that in body");
  const { item, changed } = await amend(
    exchange.store.functions,
    exchange.now,
    () => findFn(exchange, exchange.id),
    async (stored) => {
      const merged = mergedFn(stored, body);
      if (merged.annotations !== stored.annotations) await checkPathFree(exchange, merged.appId, merged.annotations, merged.id);
      return merged;
    },
  );
  if (changed) {
    exchange.changed([item.id]);
    await expectCalls(exchange, item);
  }
  return okReply(renderFn(item, null, body.config === undefined ? "null" : "{}"));
}

export async function removeFn(exchange: Exchange): Promise<Reply> {
  const { store, namespace, id } = exchange;
  if (!isPathParameter(id) || !(await removed(store.functions.remove(namespace, id)))) throw notFound("Fn");
  exchange.changed([id]);
  return noContentReply();
}

/** The function of that id. Throws not_found "Fn not found". */
export async function findFn({ store, namespace }: Exchange, id: string): Promise<Fn> {
  const fn = isPathParameter(id) ? await store.functions.get(namespace, id) : undefined;
  if (fn === undefined) throw notFound("Fn");
  return fn;
}

/** The path that a function declares is no other function's. */
async function checkPathFree(
  { store, namespace }: Exchange,
  appId: string | null,
  annotations: Annotations,
  id?: string,
): Promise<void> {
  const path = declaredText(annotations, declared.path);
  if (path === undefined || appId === null) return;
  const holder = await store.functions.getByPath(namespace, appId, path);
  if (holder !== undefined && holder.id !== id) throw conflict("Fn with the same path exists on this app");
}

/** What a function declares in annotations of ours is understood. */
function checkDeclared(annotations: Annotations): Annotations {
  const { path, type } = declared;
  if (annotations[path] !== undefined && !declaredText(annotations, path)?.startsWith("/"))
    throw invalid(`Invalid annotation value, ${path} must be a text that begins with '/'`);
  if (annotations[type] !== undefined && !/^(?:a?sync)$/.test(declaredText(annotations, type) ?? ""))
    throw invalid(`Invalid annotation value, ${type} must be "sync" or "async"`);
  return annotations;
}

async function expectCalls({ store, namespace, expect }: Exchange, fn: Fn): Promise<void> {
  const app = fn.appId === null ? null : await store.apps.get(namespace, fn.appId);
  // It was deleted meanwhile, with its functions.
  if (app !== undefined) expect(fn, app);
}

function endpointOf({ baseUrl, urls }: Exchange, fn: Fn): string {
  const url = `${baseUrl}/invoke/${fn.id}`;
  return urls?.fn(fn, url) ?? url;
}

/** Checks in Fn's order. Zero means the default. */
function newFn({ namespace, now }: Exchange, body: Body): Omit<Fn, "id" | "shape"> & { readonly appId: string } {
  if (body.id) throw invalid("ID cannot be provided for Fn creation");
  if (!body.app_id) throw invalid("Missing AppID on Fn");
  const name = checkedName(body.name ?? "");
  if (!body.image) throw invalid("Missing image on Fn");
  const timeout = checkedTimeout(body.timeout || fnLimits.timeoutSeconds.default);
  const idleTimeout = checkedIdleTimeout(body.idle_timeout || fnLimits.idleTimeoutSeconds.default);
  const memoryMiB = checkedMemory(body.memory || fnLimits.memoryMb.default);
  const annotations = checkDeclared(newAnnotations(body.annotations, endpointKeys.fn));
  const config = newConfig(body.config);
  const createdAt = now();
  return {
    namespace,
    appId: body.app_id,
    name,
    ...fnDefaults,
    ...imageCode(body.image),
    protocol: protocolOf(body.format, annotations),
    memoryMiB,
    timeoutMs: timeout * 1000,
    idleTimeoutMs: idleTimeout * 1000,
    config,
    annotations,
    revision: 1,
    createdAt,
    updatedAt: createdAt,
  };
}

/**
 * Absent, zero and "what you read" keep what is stored, so settings of another door that Fn could not express (a timeout of
 * 1,500 ms, 600 s) survive a read and a write. What is new is checked in Fn's order.
 */
function mergedFn(stored: Fn, body: Body): Fn {
  const timeoutMs = mergedMs(stored.timeoutMs, body.timeout, checkedTimeout);
  const idleTimeoutMs = mergedMs(stored.idleTimeoutMs, body.idle_timeout, checkedIdleTimeout);
  const memoryMiB = !body.memory || body.memory === stored.memoryMiB ? stored.memoryMiB : checkedMemory(body.memory);
  const annotations = checkDeclared(mergedAnnotations(stored.annotations, body.annotations, endpointKeys.fn));
  const config = mergedConfig(stored.config, body.config);
  const code = withImage(stored, body.image || shownImage(stored));
  const isNamed = code.source.type === "image" && (body.format || body.annotations?.has(declared.format) === true);
  const protocol = isNamed ? protocolOf(body.format, annotations) : code.protocol;
  const merged: Fn = { ...stored, ...code, protocol, timeoutMs, idleTimeoutMs, memoryMiB, annotations, config };
  return isSame(stored, merged) ? stored : merged;
}

function mergedMs(storedMs: number, givenSeconds: number | undefined, check: (seconds: number) => number): number {
  return !givenSeconds || givenSeconds === shownSeconds(storedMs) ? storedMs : check(givenSeconds) * 1000;
}

function isSame(stored: Fn, merged: Fn): boolean {
  return (
    stored.source === merged.source &&
    stored.protocol === merged.protocol &&
    stored.timeoutMs === merged.timeoutMs &&
    stored.idleTimeoutMs === merged.idleTimeoutMs &&
    stored.memoryMiB === merged.memoryMiB &&
    stored.annotations === merged.annotations &&
    stored.config === merged.config
  );
}

function checkedName(name: string): string {
  switch (nameFault(name, "url")) {
    case "missing":
      throw invalid("Missing Fn name");
    case "too long":
      throw invalid("Fn name must be 255 characters or less");
    case "invalid":
      throw invalid("name must be a valid string");
    case null:
      return name;
  }
}

const checkedTimeout = within(fnLimits.timeoutSeconds, "timeout value is out of range, must be between 0 and 300");
const checkedIdleTimeout = within(fnLimits.idleTimeoutSeconds, "idle_timeout value is out of range, must be between 0 and 3600");
const checkedMemory = within(fnLimits.memoryMb, "memory value is out of range. It should be between 0 and 8192");

function within({ min, max }: { readonly min: number; readonly max: number }, message: string) {
  return (value: number): number => {
    if (value < min || value > max) throw invalid(message);
    return value;
  };
}
