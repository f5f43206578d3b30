import { createHmac } from "node:crypto";

/** What a client signs requests with, as AWS's clients know it. */
export interface SigningPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * The pair of each key, for those whose clients sign requests in place of sending a secret. Whoever checks a signature has to have the secret itself, and of
 * keys only hashes are kept: so the pair's is made from the key's id and a secret of this server, and is kept nowhere. It is gone with the key.
 */
export class SigningKeys {
  readonly #secret: Buffer;

  /** `secret`: of this server, at least 32 bytes. */
  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** `keyId`: a UUID, as `makeKey` has it. */
  pairOf(keyId: string): SigningPair {
    const accessKeyId = `${prefix}${keyId.replaceAll("-", "").toUpperCase()}`;
    const secret = createHmac("sha256", this.#secret).update(`aws4 ${keyId}`).digest();
    return { accessKeyId, secretAccessKey: secret.subarray(0, 30).toString("base64") };
  }

  /** Of a text, one that nobody else can make. */
  seal(text: string): string {
    return createHmac("sha256", this.#secret).update(`seal ${text}`).digest("base64url");
  }

  /** The id of the key that such a pair belongs to; null where it is none of ours. */
  keyIdOf(accessKeyId: string): string | null {
    return written.exec(accessKeyId)?.slice(1).join("-").toLowerCase() ?? null;
  }
}

const prefix = "PKIA";
const written = /^PKIA([0-9A-F]{8})([0-9A-F]{4})([0-9A-F]{4})([0-9A-F]{4})([0-9A-F]{12})$/;
