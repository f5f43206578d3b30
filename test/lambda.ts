/** Lambda's API as tests ask it: a key's pair, archives, and the JavaScript SDK as a client. */
import { LambdaClient, type LambdaClientConfig, LambdaServiceException } from "@aws-sdk/client-lambda";
import { makeZip } from "./archives.ts";
import { send } from "./client.ts";
import type { Platform } from "./platform.ts";

export interface Pair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What clients of a namespace sign with. */
export async function pairOf({ url }: Pick<Platform, "url">, namespace = "guest"): Promise<Pair> {
  const home = `${url}/kiln/v1/namespaces/${namespace}/keys`;
  const { json } = await send("GET", home);
  const [key] = json["items"] as { readonly id: string }[];
  const pair = await send("GET", `${home}/${key?.id}/signing`);
  return { accessKeyId: String(pair.json["accessKeyId"]), secretAccessKey: String(pair.json["secretAccessKey"]) };
}

/** The SDK, which tries once. */
export function lambdaClient(
  { url }: Pick<Platform, "url">,
  credentials: Pair,
  more: Partial<LambdaClientConfig> = {},
): LambdaClient {
  return new LambdaClient({ endpoint: url, region: "us-east-1", credentials, maxAttempts: 1, ...more });
}

/** A zip with one file. */
export function zipOf(name: string, text: string): Buffer {
  return makeZip([{ name, data: text }]);
}

/** Of a function that has to name one. */
export const role = "arn:aws:iam::000000000000:role/any";

/** Name and status of what a question is refused with. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LambdaServiceException) return `${error.$metadata.httpStatusCode} ${error.name}`;
    throw error;
  }
  return "none";
}
