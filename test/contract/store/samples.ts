/** What the parts of the store's contract share: items with valid values, how a refusal is expected, all pages of a list. */
import assert from "node:assert/strict";
import { type ErrorCode, PlatformError } from "../../../src/model/error.ts";
import type { Activation, App, Fn, Route } from "../../../src/model/model.ts";
import type { Page, PageRequest, Store } from "../../../src/store/store.ts";
import { sampleActivation } from "../../samples.ts";

/** A test with a new, empty store in which the namespaces `guest` and `other` are. */
export type It = (title: string, run: (store: Store) => Promise<void>) => void;

export async function refused(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PlatformError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** Names (or ids) of all pages, each checked to be no longer than the limit. */
export async function pages<T extends { id: string }>(
  list: (page: PageRequest) => Promise<Page<T>>,
  limit: number,
  field: "name" | "id" = "name",
): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await list({ limit, after });
    assert.ok(page.items.length <= limit);
    found.push(...page.items.map((item) => String((item as Record<string, unknown>)[field])));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
}

export function namesOf(items: readonly { readonly name: string }[]): string[] {
  return items.map(({ name }) => name);
}

export function anApp(change: Partial<App>): App {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  return {
    id: "app1",
    namespace: "guest",
    name: "shop",
    config: {},
    annotations: {},
    syslogUrl: null,
    shape: "",
    ...times,
    ...change,
  };
}

export function aFunction(change: Partial<Fn>): Fn {
  return {
    id: "fn1",
    namespace: "guest",
    appId: "app1",
    name: "hello",
    source: { type: "image", image: "example/hello" },
    protocol: "frames",
    memoryMiB: 128,
    timeoutMs: 30_000,
    idleTimeoutMs: 20_000,
    concurrency: 4,
    sandboxesMax: 10,
    isolation: "fresh",
    sandboxAgeMsMax: 5_000,
    provisioned: 0,
    keepAlive: "learned",
    egress: ["api.example.com:443", "platform"],
    delivery: { attemptsMax: 5, backoffMs: 10, ageMsMax: 60_000, onSuccess: "app/next", onFailure: null },
    traffic: [],
    config: { A: "b" },
    parameters: {},
    annotations: {},
    logBytesMax: 1024,
    shape: "",
    revision: 1,
    createdAt: 10,
    updatedAt: 11,
    ...change,
  };
}

export function aRoute(change: Partial<Route>): Route {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  const keys = { id: "r1", namespace: "guest", appId: "app1", functionId: "fn1" };
  return { ...keys, name: "hello", source: "/hello", annotations: { x: "[1]" }, ...times, ...change };
}

export function activationId(index: number): string {
  return `01J${String(index).padStart(23, "0")}`;
}

export function anActivation(index: number, change: Partial<Activation>): Activation {
  return sampleActivation({
    id: activationId(index),
    appId: "app1",
    functionId: "fn1",
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_000_005,
    runMs: 4.5,
    requestBytes: 1,
    responseBytes: 32 * 1024 * 1024,
    billedUnits: 1,
    ...change,
  });
}

export function aBatch(first: number, length: number): Activation[] {
  return Array.from({ length }, (_, index) => anActivation(first + index, {}));
}
