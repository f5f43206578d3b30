/**
 * Signature version 4 of AWS: who signed a request, and that it is what was signed.
 *
 * The body is hashed here, whatever the request says of it; the path is encoded twice, as all services but S3 want it. A signature that was right is
 * right again until it is 5 minutes old: that is how long a request can be replayed, as with AWS.
 */
import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import { headerOf } from "../http/headers.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Keys } from "../store/store.ts";
import type { Caller } from "./auth.ts";
import { canonicalHeaders, canonicalPath, canonicalQuery } from "./canonical-request.ts";
import { KeyedHash } from "./keyed-hash.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** What is wrong with a signature, in `details.fault` of `unauthenticated`. */
export type SignatureFault = "missing" | "incomplete" | "unknown_key" | "mismatch";

/** What is looked at of a request. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly path: string;
  readonly headers: readonly string[];
}

export interface SignatureParts {
  readonly keys: Pick<Keys, "get">;
  readonly pairs: Pick<SigningKeys, "pairOf" | "keyIdOf">;
  readonly world: Pick<World, "now" | "monotonic">;
  /** What credentials have to be scoped to. */
  readonly region: string;
  readonly service: string;
}

/** A key, and what it signs with on one day. */
interface KnownKey {
  readonly caller: Caller;
  readonly keyed: KeyedHash;
  readonly expiresAt: number;
}

/** How long a key is remembered, in ms: so long one lives on that another process removed. */
const knownMs = 10_000;
const knownMax = 10_000;
const skewMsMax = 5 * 60_000;

/** A signature that is well formed, not too old, and by a key that is there; only the body is missing. */
export interface OpenSignature {
  /** Throws `unauthenticated` unless the request, with this body, is what was signed. */
  verify(body: Buffer): Caller;
}

export class SignatureVerifier {
  readonly #parts: SignatureParts;
  /** By access key and day. */
  readonly #known = new LRUCache<string, KnownKey>({ max: knownMax });
  #lastTime = { text: "", ms: 0 };
  #lastClaim: { readonly before: string; readonly claim: Claim } | null = null;
  /** Rises with each removal: what was read before it is not remembered. */
  #removals = 0;

  constructor(parts: SignatureParts) {
    this.#parts = parts;
  }

  /** Looks at everything but the body, so that nobody's is read who has no key. Throws or rejects with `unauthenticated`. */
  open(request: SignedRequest): OpenSignature | Promise<OpenSignature> {
    const claim = this.#claimOf(headerOf(request.headers, "authorization"));
    const at = this.#checkedTime(request, claim);
    this.#checkScope(claim);
    checkSigned(request, claim);
    const known = this.#known.get(claim.keyOfDay);
    if (known !== undefined && known.expiresAt > this.#parts.world.monotonic()) return opened(request, claim, at, known);
    return this.#look(claim).then((found) => opened(request, claim, at, found));
  }

  /** A key was removed: it is refused from now on. */
  forget(keyId: string): void {
    this.#removals++;
    for (const [name, { caller }] of this.#known.entries()) if (caller.name === `key:${keyId}`) this.#known.delete(name);
  }

  async #look({ accessKeyId, day, keyOfDay }: Claim): Promise<KnownKey> {
    const { keys, pairs, world, region, service } = this.#parts;
    const before = this.#removals;
    const keyId = pairs.keyIdOf(accessKeyId);
    const key = keyId === null ? undefined : await keys.get(keyId);
    if (key === undefined) throw refused("unknown_key", "The security token included in the request is invalid");
    const { secretAccessKey } = pairs.pairOf(key.id);
    const found = {
      caller: { name: `key:${key.id}`, namespaces: [key.namespace] },
      keyed: new KeyedHash(signingKey(secretAccessKey, day, region, service)),
      expiresAt: world.monotonic() + knownMs,
    };
    if (before === this.#removals) this.#known.set(keyOfDay, found);
    return found;
  }

  /** What one client's requests claim differs in the signature alone, which comes last. */
  #claimOf(authorization: string | undefined): Claim {
    if (authorization === undefined) throw refused("missing", "Missing Authentication Token");
    const before = authorization.slice(0, -signatureLetters);
    const signature = authorization.slice(-signatureLetters);
    if (before === this.#lastClaim?.before && signatureOnly.test(signature)) return { ...this.#lastClaim.claim, signature };
    const claim = readClaim(authorization);
    this.#lastClaim = { before, claim };
    return claim;
  }

  /** `X-Amz-Date`, which is to be about now, and of the day that the key was made for. */
  #checkedTime({ headers }: SignedRequest, { day }: Claim): string {
    const at = headerOf(headers, "x-amz-date");
    const signedAt = at === undefined ? null : this.#timeOf(at);
    if (at === undefined || signedAt === null)
      throw refused(
        "incomplete",
        "Authorization header requires existence of an 'X-Amz-Date' header with a time as 20260131T235959Z",
      );
    const now = this.#parts.world.now();
    if (!at.startsWith(day))
      throw refused(
        "mismatch",
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: ${day} != ${at}`,
      );
    if (signedAt < now - skewMsMax)
      throw refused(
        "mismatch",
        `Signature expired: ${at} is now earlier than ${stamp(now - skewMsMax)} (${stamp(now)} - 5 min.)`,
      );
    if (signedAt > now + skewMsMax)
      throw refused(
        "mismatch",
        `Signature not yet current: ${at} is still later than ${stamp(now + skewMsMax)} (${stamp(now)} + 5 min.)`,
      );
    return at;
  }

  /** In ms; null: it is written otherwise. Most requests are of the same second as the one before. */
  #timeOf(at: string): number | null {
    if (at === this.#lastTime.text) return this.#lastTime.ms;
    const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(at);
    if (match === null) return null;
    const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
    const ms = Date.UTC(year, month - 1, date, hour, minute, second);
    this.#lastTime = { text: at, ms };
    return ms;
  }

  #checkScope({ scope, day }: Claim): void {
    const { region, service } = this.#parts;
    if (scope !== `${day}/${region}/${service}/aws4_request`)
      throw refused(
        "mismatch",
        `Credential should be scoped to a valid region and the service: '${day}/${region}/${service}/aws4_request'`,
      );
  }
}

/** What `Authorization` says. */
interface Claim {
  readonly accessKeyId: string;
  readonly day: string;
  /** Both, as one text. */
  readonly keyOfDay: string;
  /** From the day on. */
  readonly scope: string;
  /** In lower case, in their order. */
  readonly signed: readonly string[];
  readonly signature: string;
}

const signatureLetters = 64;
const signatureOnly = /^[0-9a-f]{64}$/;

function readClaim(authorization: string): Claim {
  const match =
    /^AWS4-HMAC-SHA256 +Credential=([^\s,/]{1,64})\/((\d{8})\/[^\s,]{1,200}),\s*SignedHeaders=([^\s,]{1,1024}),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (match === null)
    throw refused(
      "incomplete",
      "Authorization header requires 'AWS4-HMAC-SHA256' with 'Credential', 'SignedHeaders' and 'Signature' parameters",
    );
  const [, accessKeyId, scope, day, signed, signature] = match as unknown as string[] &
    [string, string, string, string, string, string];
  return { accessKeyId, day, keyOfDay: `${accessKeyId} ${day}`, scope, signed: signed.split(";"), signature };
}

/** What decides what a request does has to be signed. */
function checkSigned({ headers }: SignedRequest, { signed }: Claim): void {
  if (!signed.includes("host")) throw refused("mismatch", "'Host' must be a 'SignedHeader' in the AWS Authorization");
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (name.startsWith("x-amz-") && !signed.includes(name))
      throw refused("mismatch", `'${name}' must be a 'SignedHeader' in the AWS Authorization`);
  }
}

function opened(request: SignedRequest, claim: Claim, at: string, { caller, keyed }: KnownKey): OpenSignature {
  return {
    verify(body) {
      const digest = hash("sha256", body, "hex");
      const said = headerOf(request.headers, "x-amz-content-sha256");
      if (said !== undefined && said !== digest)
        throw refused("mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed");
      const canonical = canonicalRequest(request, claim.signed, digest);
      const signature = keyed.of(`AWS4-HMAC-SHA256\n${at}\n${claim.scope}\n${hash("sha256", canonical, "hex")}`);
      if (!timingSafeEqual(Buffer.from(signature), Buffer.from(claim.signature))) throw refused("mismatch", wrongSignature);
      return caller;
    },
  };
}

const wrongSignature =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

function canonicalRequest({ method, target, path, headers }: SignedRequest, signed: readonly string[], digest: string): string {
  const query = canonicalQuery(target.slice(path.length + 1));
  return `${method}\n${canonicalPath(path)}\n${query}\n${canonicalHeaders(headers, signed)}\n${signed.join(";")}\n${digest}`;
}

function signingKey(secret: string, day: string, region: string, service: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), service), "aws4_request");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** As `20260131T235959Z`. */
function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
}

function refused(fault: SignatureFault, message: string): PlatformError {
  return new PlatformError("unauthenticated", message, { details: { fault } });
}
