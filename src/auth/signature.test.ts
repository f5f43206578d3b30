import assert from "node:assert/strict";
import { test } from "node:test";
import { InvokeCommand, ListTagsCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { asPlatformError } from "../model/error.ts";
import type { Key } from "../store/store.ts";
import { type SignatureFault, SignatureVerifier, type SignedRequest } from "./signature.ts";
import { SigningKeys } from "./signing-keys.ts";

const keyId = "0b1c2d3e-4f50-4617-8283-94a5b6c7d8e9";
const key: Key = { id: keyId, namespace: "guest", secretHash: "", createdAt: 1 };
const pairs = new SigningKeys(Buffer.alloc(32, 7));

/** A verifier at a time, which knows one key. */
function verifierAt(now: number, more: Partial<ConstructorParameters<typeof SignatureVerifier>[0]> = {}) {
  const clock = { now, monotonic: 0 };
  let keys: readonly Key[] = [key];
  const verifier = new SignatureVerifier({
    keys: { get: async (id) => keys.find((each) => each.id === id) },
    pairs,
    world: { now: () => clock.now, monotonic: () => clock.monotonic },
    region: "us-east-1",
    service: "lambda",
    ...more,
  });
  const remove = () => {
    keys = [];
  };
  return { verifier, clock, remove };
}

async function verified(verifier: SignatureVerifier, request: SignedRequest, body: Buffer | string): Promise<string> {
  return (await verifier.open(request)).verify(Buffer.from(body)).name;
}

async function fault(promise: Promise<unknown>): Promise<SignatureFault> {
  const error = await promise.then(
    () => assert.fail("It was not refused"),
    (thrown: unknown) => asPlatformError(thrown),
  );
  assert.equal(error.code, "unauthenticated", error.message);
  return error.details["fault"] as SignatureFault;
}

interface Captured extends SignedRequest {
  readonly body: Buffer;
}

/** What the SDK would send. */
async function signedBySdk(
  command: InvokeCommand | ListTagsCommand,
  region = "us-east-1",
  pair = pairs.pairOf(keyId),
): Promise<Captured> {
  let captured: Captured | undefined;
  const requestHandler = {
    async handle(request: {
      method: string;
      path: string;
      query: Record<string, string | string[]>;
      headers: Record<string, string>;
      body?: Uint8Array;
    }) {
      const query = Object.entries(request.query).flatMap(([name, value]) =>
        [value].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`),
      );
      const target = query.length === 0 ? request.path : `${request.path}?${query.join("&")}`;
      const { method, path, headers, body } = request;
      captured = { method, path, target, headers: Object.entries(headers).flat(), body: Buffer.from(body ?? []) };
      throw new Error("captured");
    },
  };
  const client = new LambdaClient({
    endpoint: "http://127.0.0.1:9",
    region,
    credentials: pair,
    maxAttempts: 1,
    requestHandler,
  } as object);
  await client.send(command as InvokeCommand).catch(() => {});
  if (captured === undefined) throw new Error("The SDK sent nothing");
  return captured;
}

const withHeader = (request: Captured, name: string, value: string): Captured => ({
  ...request,
  headers: request.headers.map((each, i) => (i % 2 === 1 && request.headers[i - 1]?.toLowerCase() === name ? value : each)),
});
const invoke = () => new InvokeCommand({ FunctionName: "hello", Qualifier: "$LATEST", Payload: Buffer.from('{"a":1}') });

test("what the SDK signs is right: names that are encoded, queries, repeated parameters, and a body of bytes", async () => {
  const { verifier } = verifierAt(Date.now());
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST";
  for (const command of [
    invoke(),
    new InvokeCommand({ FunctionName: arn, Payload: Buffer.from([0, 255]), ClientContext: "e30=" }),
    new ListTagsCommand({ Resource: arn }),
  ]) {
    const request = await signedBySdk(command);
    assert.equal(await verified(verifier, request, request.body), `key:${keyId}`);
    assert.equal(await verified(verifier, request, request.body), `key:${keyId}`, "again, within five minutes");
  }
});

/** A request of the examples. */
const exampleOf = (
  service: string,
  method: string,
  target: string,
  headers: Record<string, string>,
  signature: string,
): SignedRequest => {
  const all: Record<string, string> = { ...headers, "X-Amz-Date": "20150830T123600Z" };
  const signed = Object.keys(all)
    .map((name) => name.toLowerCase())
    .toSorted()
    .join(";");
  const scope = `20150830/us-east-1/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  return {
    method,
    target,
    path: target.split("?", 1)[0] as string,
    headers: [...Object.entries(all).flat(), "Authorization", authorization],
  };
};

test("the examples that AWS published", async () => {
  const secretAccessKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const example = (service: string) =>
    verifierAt(Date.UTC(2015, 7, 30, 12, 36), {
      service,
      pairs: { keyIdOf: () => keyId, pairOf: (accessKeyId) => ({ accessKeyId, secretAccessKey }) },
    }).verifier;
  const host = { Host: "example.amazonaws.com" };
  const vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  const sorted = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
  const posted = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
  const listed = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
  const form = { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", Host: "iam.amazonaws.com" };
  const service = example("service");
  assert.ok(await verified(service, exampleOf("service", "GET", "/", host, vanilla), ""));
  assert.ok(await verified(service, exampleOf("service", "GET", "/?Param2=value2&Param1=value1", host, sorted), ""));
  assert.ok(await verified(service, exampleOf("service", "POST", "/", host, posted), ""));
  const iam = exampleOf("iam", "GET", "/?Action=ListUsers&Version=2010-05-08", form, listed);
  assert.ok(await verified(example("iam"), iam, ""));
  assert.equal(await fault(verified(example("iam"), { ...iam, method: "PUT" }, "")), "mismatch");
});

test("whatever was changed after it was signed is refused", async () => {
  const { verifier } = verifierAt(Date.now());
  const request = await signedBySdk(invoke());
  const refused = async (changed: SignedRequest, body: Buffer | string = request.body) =>
    await fault(verified(verifier, changed, body));
  assert.equal(await refused(request, '{"a":2}'), "mismatch");
  assert.equal(await refused({ ...request, method: "PUT" }), "mismatch");
  assert.equal(
    await refused({ ...request, path: request.path.replace("hello", "other"), target: request.target.replace("hello", "other") }),
    "mismatch",
  );
  assert.equal(await refused({ ...request, target: `${request.path}?Qualifier=1` }), "mismatch");
  assert.equal(await refused(withHeader(request, "host", "elsewhere")), "mismatch");
  assert.equal(
    await refused({ ...request, headers: [...request.headers, "X-Amz-Invocation-Type", "Event"] }),
    "mismatch",
    "what is not signed is not taken",
  );
  const digest = "0".repeat(64);
  assert.equal(await refused(withHeader(request, "x-amz-content-sha256", digest)), "mismatch");
  assert.equal(await refused(withHeader(request, "x-amz-content-sha256", "UNSIGNED-PAYLOAD")), "mismatch");
});

test("another secret, another key, another region, and what is no signature", async () => {
  const { verifier } = verifierAt(Date.now());
  const { accessKeyId } = pairs.pairOf(keyId);
  const refused = async (request: Captured) => await fault(verified(verifier, request, request.body));
  assert.equal(await refused(await signedBySdk(invoke(), "us-east-1", { accessKeyId, secretAccessKey: "guessed" })), "mismatch");
  const foreign = pairs.pairOf(keyId.replace("0b", "0c"));
  assert.equal(await refused(await signedBySdk(invoke(), "us-east-1", foreign)), "unknown_key");
  assert.equal(
    await refused(await signedBySdk(invoke(), "us-east-1", { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "x" })),
    "unknown_key",
  );
  assert.equal(await refused(await signedBySdk(invoke(), "eu-west-1")), "mismatch");
  const request = await signedBySdk(invoke());
  assert.ok(await verified(verifier, request, request.body));
  const authorization = request.headers[
    request.headers.findIndex((each) => each.toLowerCase() === "authorization") + 1
  ] as string;
  for (const broken of [
    "Bearer abc",
    `${authorization}0`,
    authorization.replace("host;", ""),
    authorization.replace("Signature=", "Signature=zz"),
    authorization.replace(/.{64}$/, "g".repeat(64)),
    authorization.replace(/.{64}$/, "\u00e9".repeat(64)),
    authorization.replace(/.{64}$/, "0".repeat(64)),
    "",
  ])
    assert.match(await refused(withHeader(request, "authorization", broken)), /incomplete|mismatch/, broken);
  const without = (name: string) => {
    const at = request.headers.findIndex((each) => each.toLowerCase() === name);
    return { ...request, headers: request.headers.toSpliced(at, 2) };
  };
  assert.equal(await refused(without("authorization")), "missing");
  assert.equal(await refused(without("x-amz-date")), "incomplete");
});

test("a signature is good for five minutes either way, and as long as its key is there", async () => {
  const { verifier, clock, remove } = verifierAt(Date.now());
  const request = await signedBySdk(invoke());
  const now = clock.now;
  for (const [later, isGood] of [
    [290_000, true],
    [-290_000, true],
    [310_000, false],
    [-310_000, false],
  ] as const) {
    clock.now = now + later;
    if (isGood) assert.ok(await verified(verifier, request, request.body));
    else assert.equal(await fault(verified(verifier, request, request.body)), "mismatch");
  }
  clock.now = now;
  remove();
  assert.ok(await verified(verifier, request, request.body), "it is remembered for a moment");
  verifier.forget(keyId);
  assert.equal(await fault(verified(verifier, request, request.body)), "unknown_key");
});
