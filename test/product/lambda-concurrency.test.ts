/** Reserved concurrency: how many calls of a function are taken at once, and what becomes of those beyond. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { until } from "../assembled-invocation.ts";
import { call, send } from "../client.ts";
import { lambdaClient, type Pair, pairOf, refusal, role, zipOf } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";

let data: string;
let platform: Platform;
let pair: Pair;
let client: sdk.LambdaClient;
const fn = { FunctionName: "busy" } as const;
const slow = zipOf("index.js", "exports.handler = async ({ ms = 0 }) => new Promise((done) => setTimeout(() => done(ms), ms));");
const invoke = (ms: number, more: Partial<sdk.InvokeCommandInput> = {}) =>
  client.send(new sdk.InvokeCommand({ ...fn, Payload: Buffer.from(JSON.stringify({ ms })), ...more }));
const reserve = (ReservedConcurrentExecutions: number) =>
  client.send(new sdk.PutFunctionConcurrencyCommand({ ...fn, ReservedConcurrentExecutions }));
const home = () => `${platform.url}/kiln/v1/namespaces/guest`;

async function start(): Promise<void> {
  platform = await startPlatform({ data });
  pair ??= await pairOf(platform);
  client = lambdaClient(platform, pair);
}

/** What the record of a call of type Event says in the end. */
async function statusOf(id: string | undefined): Promise<unknown> {
  return await until(async () => {
    const { status, json } = await send("GET", `${home()}/activations/${id}`);
    return status === 200 && json["status"] !== "running" && json["status"] !== "queued" ? json["status"] : undefined;
  });
}

describe("reserved concurrency", { timeout: 300_000 }, () => {
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-lambda-"));
    await start();
    const settings = { Runtime: "nodejs24.x", Handler: "index.handler", Role: role, Timeout: 30 } as const;
    await client.send(new sdk.CreateFunctionCommand({ ...fn, ...settings, Code: { ZipFile: slow }, Publish: true }));
  });
  after(async () => {
    client?.destroy();
    assert.equal(await platform?.stop(), 0, platform?.log());
    rmSync(data, { recursive: true, force: true });
  });

  test("calls beyond it are refused at once with their reason, whatever version they name; it makes no revision", async () => {
    const { RevisionId } = await client.send(new sdk.GetFunctionConfigurationCommand(fn));
    await reserve(2);
    const shown = await client.send(new sdk.GetFunctionCommand(fn));
    assert.deepEqual([shown.Concurrency?.ReservedConcurrentExecutions, shown.Configuration?.RevisionId], [2, RevisionId]);
    let ended = 0;
    const running = [invoke(6000), invoke(6000, { Qualifier: "1" })].map((each) => each.finally(() => ended++));
    await until(async () => /^fn_calls 2$/m.test((await send("GET", `${platform.url}/metrics`)).text) || undefined);
    const refused = await invoke(0).catch((error: unknown) => error);
    assert.ok(refused instanceof sdk.TooManyRequestsException);
    assert.deepEqual(
      [refused.$metadata.httpStatusCode, refused.Reason],
      [429, "ReservedFunctionConcurrentInvocationLimitExceeded"],
    );
    assert.equal(await refusal(invoke(0, { Qualifier: "1" })), "429 TooManyRequestsException");
    const streamed = client.send(new sdk.InvokeWithResponseStreamCommand(fn));
    assert.equal(await refusal(streamed), "429 TooManyRequestsException");
    const elsewhere = await call(`${home()}/apps/_/functions/busy/invoke`, {});
    assert.deepEqual([elsewhere.status, elsewhere.json["code"]], [429, "throttled"]);
    assert.equal(ended, 0, "they did not wait");
    const answers = await Promise.all(running);
    assert.deepEqual(
      answers.map(({ StatusCode, FunctionError }) => [StatusCode, FunctionError]),
      [
        [200, undefined],
        [200, undefined],
      ],
    );
    assert.equal(await refusal(invoke(0)), "none", "and there is room again");
  });

  test("a flood: never more than that at once, and each call is answered or refused", async () => {
    const { length } = (await Promise.allSettled(Array.from({ length: 60 }, () => refusal(invoke(50))))).filter(
      (each) => each.status === "fulfilled" && ["none", "429 TooManyRequestsException"].includes(each.value),
    );
    assert.equal(length, 60);
    assert.equal(await refusal(invoke(0)), "none", "nothing is left of it");
  });

  test("calls of type Event wait for their turn", async () => {
    await reserve(1);
    const taken = await Promise.all([1, 2, 3].map(() => invoke(300, { InvocationType: "Event" })));
    for (const { $metadata } of taken) assert.equal(await statusOf($metadata.requestId), "success");
  });

  test("0 takes no call, and events go where failed ones go, also after a crash", async () => {
    await reserve(0);
    assert.equal(await refusal(invoke(0)), "429 TooManyRequestsException");
    await platform.crash();
    await start();
    assert.equal((await client.send(new sdk.GetFunctionConcurrencyCommand(fn))).ReservedConcurrentExecutions, 0);
    assert.equal(await refusal(invoke(0)), "429 TooManyRequestsException");
    const event = await invoke(0, { InvocationType: "Event" });
    assert.equal(await statusOf(event.$metadata.requestId), "dead_lettered");
    await client.send(new sdk.DeleteFunctionConcurrencyCommand(fn));
    assert.equal(await refusal(invoke(0)), "none");
    assert.equal((await client.send(new sdk.GetFunctionCommand(fn))).Concurrency, undefined);
  });

  test("numbers that are none, and what is left of the namespace's", async () => {
    assert.equal(await refusal(reserve(-1)), "400 ValidationException");
    assert.equal(await refusal(reserve(1e12)), "400 InvalidParameterValueException");
    const unreserved = async () =>
      (await client.send(new sdk.GetAccountSettingsCommand({}))).AccountLimit?.UnreservedConcurrentExecutions ?? 0;
    const atFirst = await unreserved();
    await reserve(7);
    assert.equal(await unreserved(), atFirst - 7);
    await client.send(new sdk.DeleteFunctionCommand(fn));
    assert.equal(await unreserved(), atFirst, "with the function its number is gone");
  });
});
