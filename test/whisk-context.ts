/** OpenWhisk's door over parts in memory, with two namespaces, `guest` and `other`, and a key of each. */
import assert from "node:assert/strict";
import { ActionKinds } from "../src/api/openwhisk/kinds.ts";
import { openWhiskManagement, type WskContext } from "../src/api/openwhisk/openwhisk.ts";
import { createIdentifier } from "../src/auth/identify.ts";
import { makeKey } from "../src/auth/keys.ts";
import { createEvents } from "../src/events/fire.ts";
import { kinds } from "../src/image/kinds.ts";
import { Definitions } from "../src/invocation/definitions.ts";
import type { Invoker } from "../src/invocation/invocation.ts";
import { realWorld } from "../src/lib/world.ts";
import { LogCollector } from "../src/logs/collector.ts";
import { memoryLogStore } from "../src/logs/memory/store.ts";
import { Admission } from "../src/metering/admit.ts";
import { memoryStore } from "../src/store/memory/store.ts";
import { ask } from "./http-harness.ts";
import { quotas } from "./quotas.ts";

export interface WhiskContext {
  readonly context: WskContext;
  /** What requests of each namespace have as `Authorization`. */
  readonly authorization: { readonly guest: string; readonly other: string };
}

export type Who = keyof WhiskContext["authorization"];

/** `invoker`: who is given calls. */
export async function whiskContext(invoker: Invoker): Promise<WhiskContext> {
  const world = realWorld();
  const store = memoryStore();
  const authorized = async (name: string) => {
    await store.namespaces.create({ id: world.newId(), name, createdAt: 1 });
    const { key, credential } = makeKey(name, 1);
    await store.keys.create(key);
    return `Basic ${Buffer.from(credential).toString("base64")}`;
  };
  const authorization = { guest: await authorized("guest"), other: await authorized("other") };
  const identifier = createIdentifier({ keys: store.keys, world });
  const definitions = new Definitions(store, world);
  const admission = new Admission(quotas(7), world);
  const uploads = new Map<string, { bytes: Buffer; isArchive: boolean }>();
  const logs = new LogCollector({ store: memoryLogStore(), world });
  const context: WskContext = {
    world,
    store,
    kinds: new ActionKinds(kinds, []),
    images: {
      async addCode({ bytes, fileName }) {
        const digest = String(uploads.size);
        uploads.set(digest, { bytes, isArchive: fileName === null });
        return { digest, bytes: bytes.length, files: 1 };
      },
      codeAsSent: async (digest) => uploads.get(digest) ?? null,
    },
    invoker,
    definition: (namespace, target) => definitions.load(namespace, target),
    logs,
    identify: (credentials) => identifier.identify(credentials),
    changed: (namespace) => definitions.changed(namespace),
    appChanged: (namespace) => definitions.changed(namespace),
    events: createEvents({ world, store, admission, invoker, check: () => {} }),
    quotas: admission,
    version: "1.2.3",
    baseUrl: () => "http://server",
  };
  return { context, authorization };
}

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what tests are about.
export type Json = any;

/** `request`: `METHOD path below /api/v1/namespaces`. The status and the body, an object as JSON. */
export async function said(
  { context, authorization }: WhiskContext,
  request: string,
  body?: object | string,
  who: Who = "guest",
): Promise<readonly [number, Json]> {
  const [method = "", path = ""] = request.split(" ");
  const answer = await ask(openWhiskManagement(context), {
    method,
    target: `/api/v1/namespaces/${path}`,
    headers: ["authorization", authorization[who], "content-type", "application/json"],
    body: typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body),
  });
  const json: Json = answer.body === "" ? null : JSON.parse(answer.body);
  if (answer.status >= 400) assert.equal(json.code, answer.header("x-request-id"), request);
  return [answer.status, json];
}

/** The body of a success. */
export async function done(whisk: WhiskContext, request: string, body?: object | string, who?: Who): Promise<Json> {
  const [status, json] = await said(whisk, request, body, who);
  assert.equal(status, 200, `${request}: ${JSON.stringify(json)}`);
  return json;
}
