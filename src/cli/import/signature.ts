/** Signature version 4 of AWS, as its clients make it. */
import { createHash, createHmac } from "node:crypto";

export interface Pair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface Signed {
  readonly method: string;
  readonly host: string;
  /** As it is sent. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
  /** Epoch, in ms. */
  readonly at: number;
}

/** The headers that a request has to have besides `Host`. */
export function signedHeaders(pair: Pair, { method, host, path, query, body, at }: Signed): Record<string, string> {
  const time = `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const day = time.slice(0, 8);
  const scope = `${day}/${pair.region}/lambda/aws4_request`;
  const pairs = Object.entries(query).map(([name, value]) => `${encoded(name)}=${encoded(value)}`);
  const canonical = [
    method,
    path.split("/").map(encoded).join("/"),
    pairs.toSorted().join("&"),
    `host:${host}`,
    `x-amz-date:${time}`,
    "",
    "host;x-amz-date",
    sha256(body),
  ].join("\n");
  const key = ["aws4_request", "lambda", pair.region, day].reduceRight<string | Buffer>(
    (under, part) => hmac(under, part),
    `AWS4${pair.secretAccessKey}`,
  );
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString("hex");
  return {
    "x-amz-date": time,
    authorization: `AWS4-HMAC-SHA256 Credential=${pair.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  };
}

/** As AWS has it: all but letters, digits and `-._~`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
