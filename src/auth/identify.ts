import { hash, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Keys } from "../store/store.ts";
import type { Caller, Credentials, Identifier } from "./auth.ts";

/** A key as it was found in the store; null when it was not. */
interface KnownKey {
  readonly secretHash: Buffer | null;
  readonly caller: Caller;
  readonly expiresAt: number;
}

/** Keys that are remembered, and for how long: so long a key lives on that another process removed. */
const knownMax = 10_000;
const knownMs = 10_000;
/** Wrong ids too, so that guessing costs the store little; shorter, because a key may be made meanwhile. */
const unknownMs = 1000;

/** A key in Basic has less; more is only there to fill the memory. */
const headerCharactersMax = 256;

const local: Caller = { name: "local", namespaces: null };

export interface IdentifyParts {
  readonly keys: Pick<Keys, "get">;
  readonly world: Pick<World, "monotonic">;
}

/** Checks `Authorization: Bearer <key id>:<secret>` and Basic with the same pair; none at all is good on loopback only. */
export function createIdentifier({ keys, world }: IdentifyParts): Identifier {
  const known = new LRUCache<string, KnownKey>({ max: knownMax });
  /** By whole headers that were right: hashing a secret takes longer than much else that is done for a call. */
  const verified = new LRUCache<string, KnownKey>({ max: knownMax });
  /** Rises with each removal: what was read before it is not remembered. */
  let removals = 0;

  const look = async (id: string): Promise<KnownKey> => {
    const before = removals;
    const key = await keys.get(id);
    const entry: KnownKey = {
      secretHash: key === undefined ? null : Buffer.from(key.secretHash, "hex"),
      caller: { name: `key:${id}`, namespaces: key === undefined ? [] : [key.namespace] },
      expiresAt: world.monotonic() + (key === undefined ? unknownMs : knownMs),
    };
    if (before === removals) known.set(id, entry);
    return entry;
  };

  return {
    identify(credentials: Credentials): Caller | Promise<Caller> {
      const authorization = credentials.header("authorization");
      if (authorization === undefined) {
        if (credentials.loopback) return local;
        throw unauthenticated("This server needs a key: send it as Authorization: Bearer <key id>:<secret>");
      }
      const before = verified.get(authorization);
      if (before !== undefined && before.expiresAt > world.monotonic()) return before.caller;
      const { id, secret } = parseAuthorization(authorization);
      const entry = known.get(id);
      if (entry !== undefined && entry.expiresAt > world.monotonic()) {
        const caller = verify(entry, secret);
        if (authorization.length <= headerCharactersMax) verified.set(authorization, entry);
        return caller;
      }
      return look(id).then((found) => verify(found, secret));
    },
    forget(keyId) {
      removals++;
      known.delete(keyId);
      verified.clear();
    },
  };
}

/** SHA-256 of a secret as the store keeps it. */
export function hashSecret(secret: string): string {
  return hash("sha256", secret, "hex");
}

/** An unknown key takes the same steps as a wrong secret, so that time does not tell them apart. */
function verify(entry: KnownKey, secret: string): Caller {
  const given = hash("sha256", secret, "buffer");
  const expected = entry.secretHash ?? nothingHashesToThis;
  const same = expected.length === given.length && timingSafeEqual(expected, given);
  if (!same || entry.secretHash === null) throw unauthenticated("The key in Authorization is not valid");
  return entry.caller;
}

const nothingHashesToThis = Buffer.alloc(32);

function parseAuthorization(authorization: string): { id: string; secret: string } {
  const match = /^(bearer|basic) +(\S+) *$/i.exec(authorization);
  if (match === null) throw unauthenticated("Authorization is neither Bearer nor Basic with a key");
  const value = match[2] as string;
  const pair = (match[1] as string).toLowerCase() === "basic" ? Buffer.from(value, "base64").toString("utf8") : value;
  const colon = pair.indexOf(":");
  // Ids are short; a longer one is no key of ours and not worth remembering.
  if (colon < 1 || colon > 64) throw unauthenticated("Authorization holds no key of the form <key id>:<secret>");
  return { id: pair.slice(0, colon), secret: pair.slice(colon + 1) };
}

/**
 * Doors send `details.wwwAuthenticate` as that header. It names Bearer only: on a Basic challenge browsers ask for a password
 * and then send it along with every request, whichever page caused it.
 */
function unauthenticated(message: string): PlatformError {
  return new PlatformError("unauthenticated", message, { details: { wwwAuthenticate: 'Bearer realm="polykiln"' } });
}
