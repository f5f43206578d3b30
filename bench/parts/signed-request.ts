/** Requests to Lambda's door as clients of AWS sign them. */
import { createHmac, hash } from "node:crypto";
import type { Pair } from "../../test/lambda.ts";

/** A call with `{}` of a function of this region and service, as it goes over the wire. It is good for five minutes. */
export function signedInvoke(pair: Pair, functionName: string): string {
  const path = `/2015-03-31/functions/${functionName}/invocations`;
  const at = `${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
  const digest = hash("sha256", "{}");
  const headers = [
    "content-type:application/json",
    "host:127.0.0.1",
    `x-amz-content-sha256:${digest}`,
    `x-amz-date:${at}`,
  ] as const;
  const names = headers.map((header) => header.slice(0, header.indexOf(":"))).join(";");
  const canonical = ["POST", path, "", ...headers, "", names, digest].join("\n");
  const day = at.slice(0, 8);
  const scope = `${day}/us-east-1/lambda/aws4_request`;
  const keyOfDay = [day, "us-east-1", "lambda", "aws4_request"].reduce<Buffer | string>(hmac, `AWS4${pair.secretAccessKey}`);
  const signature = hmac(keyOfDay, ["AWS4-HMAC-SHA256", at, scope, hash("sha256", canonical)].join("\n")).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${pair.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const lines = [...headers.map((header) => header.replace(":", ": ")), `authorization: ${authorization}`, "content-length: 2"];
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n{}`;
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
