/** OpenWhisk's door over parts in memory, with two namespaces, `guest` and `other`, and a key of each. */
import { ActionKinds } from "../src/api/openwhisk/kinds.ts";
import type { WskContext } from "../src/api/openwhisk/openwhisk.ts";
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
import { quotas } from "./quotas.ts";

export interface WhiskContext {
  readonly context: WskContext;
  /** What requests of each namespace have as `Authorization`. */
  readonly authorization: { readonly guest: string; readonly other: string };
}

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
    events: createEvents({ world, store, admission, invoker, records: store.activations, logs }),
    quotas: admission,
    version: "1.2.3",
  };
  return { context, authorization };
}
