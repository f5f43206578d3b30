import { randomBytes, randomUUID } from "node:crypto";
import { isLoopbackHost } from "../http/loopback.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Key, Store } from "../store/store.ts";
import { hashSecret } from "./identify.ts";

/** The namespace that first start makes. */
export const firstNamespace = "guest";

/** A new key, and the only time its secret is seen. */
export interface NewKey {
  readonly key: Key;
  /** `<key id>:<secret>`, as it goes into `Authorization`. */
  readonly credential: string;
}

/**
 * Makes a key for a namespace without keeping it: an id of the form of a UUID and 64 letters and digits of secret, which is the shape that
 * OpenWhisk's tools expect. Chance comes from the system, not from the world: a seed must not repeat a secret.
 */
export function makeKey(namespace: string, createdAt: number): NewKey {
  const id = randomUUID();
  const secret = randomSecret(64);
  return { key: { id, namespace, secretHash: hashSecret(secret), createdAt }, credential: `${id}:${secret}` };
}

/**
 * Makes sure that the first namespace and a key for it exist. The credential is returned once, when it was made now, and the
 * caller keeps it where only the owner reads it (mode 0600). A start that was cut in the middle is completed by the next; a
 * namespace whose last key was removed gets a new one.
 */
export async function firstStart(
  store: Pick<Store, "namespaces" | "keys">,
  world: Pick<World, "now" | "newId">,
): Promise<string | null> {
  if ((await store.namespaces.getByName(firstNamespace)) === undefined) {
    await store.namespaces.create({ id: world.newId(), name: firstNamespace, createdAt: world.now() });
  }
  if ((await store.keys.list(firstNamespace)).length > 0) return null;
  const { key, credential } = makeKey(firstNamespace, world.now());
  await store.keys.create(key);
  return credential;
}

/** Throws `forbidden` when others than this machine could reach the listener and no key exists that they would have to show. */
export async function requireKeys(listen: { readonly host: string }, store: Pick<Store, "namespaces" | "keys">): Promise<void> {
  if (isLoopbackHost(listen.host) || (await anyKey(store))) return;
  throw new PlatformError(
    "forbidden",
    `Listening on ${listen.host} lets other machines in, and there is no key that they would have to show. Start once on 127.0.0.1, which makes one, or listen on loopback`,
  );
}

async function anyKey(store: Pick<Store, "namespaces" | "keys">): Promise<boolean> {
  let after: string | undefined;
  do {
    const page = await store.namespaces.list({ after, limit: 100 });
    for (const { name } of page.items) if ((await store.keys.list(name)).length > 0) return true;
    after = page.next ?? undefined;
  } while (after !== undefined);
  return false;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Bytes of 248 and more are thrown away: with them the first letters would come more often. */
function randomSecret(length: number): string {
  let secret = "";
  while (secret.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < 248 && secret.length < length) secret += letters[byte % letters.length];
    }
  }
  return secret;
}
