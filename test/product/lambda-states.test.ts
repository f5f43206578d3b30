/** Functions whose packages take their time to come: what clients of Lambda are told meanwhile, and what their waiters make of it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { makeZip } from "../archives.ts";
import { call } from "../client.ts";
import { lambdaClient, type Pair, pairOf, refusal, role, zipOf } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { type Registry, startRegistry } from "../registry.ts";

let registry: Registry;
let data: string;
let platform: Platform;
let pair: Pair;
let client: sdk.LambdaClient;

/** Code that answers with what its package says, which is not in the archive. */
const needs = (version: string, name = "greet") =>
  makeZip([
    { name: "index.js", data: `exports.handler = async () => require("${name}")();` },
    { name: "package.json", data: JSON.stringify({ dependencies: { [name]: version } }) },
  ]);
const plain = zipOf("index.js", 'exports.handler = async () => "plain";');
const made = (FunctionName: string, ZipFile: Buffer, more: Partial<sdk.CreateFunctionCommandInput> = {}) =>
  client.send(
    new sdk.CreateFunctionCommand({
      FunctionName,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Code: { ZipFile },
      ...more,
    }),
  );
const updated = (FunctionName: string, ZipFile: Buffer, more: Partial<sdk.UpdateFunctionCodeCommandInput> = {}) =>
  client.send(new sdk.UpdateFunctionCodeCommand({ FunctionName, ZipFile, ...more }));
const shown = (FunctionName: string) => client.send(new sdk.GetFunctionConfigurationCommand({ FunctionName }));
const says = async (FunctionName: string, Qualifier?: string) => {
  const { Payload } = await client.send(new sdk.InvokeCommand({ FunctionName, Qualifier }));
  return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown;
};
const waits = { maxWaitTime: 120 };
const active = (FunctionName: string) => sdk.waitUntilFunctionActiveV2({ client, ...waits }, { FunctionName });
const updatedV2 = (FunctionName: string) => sdk.waitUntilFunctionUpdatedV2({ client, ...waits }, { FunctionName });
const busy = "409 ResourceConflictException";

async function start(): Promise<void> {
  const flags = ["--npm-registry", registry.url, "--install-memory-mib", "512", "--start-timeout-ms", "60000"];
  platform = await startPlatform({ data, flags });
  pair ??= await pairOf(platform);
  client = lambdaClient(platform, pair);
}

describe("functions that take their time to be made", { timeout: 600_000 }, () => {
  before(async () => {
    registry = await startRegistry([greet("1.0.0"), greet("2.0.0"), greet("3.0.0"), greet("4.0.0"), greet("5.0.0")]);
    data = mkdtempSync(join(tmpdir(), "kiln-lambda-"));
    await start();
  });
  after(async () => {
    client?.destroy();
    assert.equal(await platform?.stop(), 0, platform?.log());
    await registry?.close();
    rmSync(data, { recursive: true, force: true });
  });

  test("one that is made quickly is active in the answer", async () => {
    const { State, LastUpdateStatus, StateReason } = await made("quick", plain);
    assert.deepEqual([State, LastUpdateStatus, StateReason], ["Active", "Successful", undefined]);
    assert.equal(await says("quick"), "plain");
  });

  test("a new one is pending at once, is not called meanwhile, and active when its packages are there", async () => {
    const go = registry.holdBack();
    const { State, StateReasonCode, LastUpdateStatus } = await made("fresh", needs("1.0.0"), { Publish: true });
    assert.deepEqual([State, StateReasonCode, LastUpdateStatus], ["Pending", "Creating", "InProgress"]);
    assert.equal((await shown("fresh")).State, "Pending");
    const { Functions } = await client.send(new sdk.ListFunctionsCommand({}));
    assert.equal(Functions?.find(({ FunctionName }) => FunctionName === "fresh")?.State, "Pending");
    for (const InvocationType of ["RequestResponse", "Event", "DryRun"] as const)
      assert.equal(await refusal(client.send(new sdk.InvokeCommand({ FunctionName: "fresh", InvocationType }))), busy);
    assert.equal(await refusal(client.send(new sdk.InvokeCommand({ FunctionName: "fresh", Qualifier: "1" }))), busy);
    const elsewhere = await call(`${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/fresh/invoke`, {});
    assert.deepEqual([elsewhere.status, elsewhere.json["code"]], [409, "conflict"]);
    assert.match(String(elsewhere.json["message"]), /being made ready/);
    const authorization = `Basic ${Buffer.from(platform.auth).toString("base64")}`;
    const action = await call(`${platform.url}/api/v1/namespaces/_/actions/fresh?blocking=true`, {}, { authorization });
    assert.deepEqual([action.status, action.json["error"]], [409, elsewhere.json["message"]]);
    assert.equal(await refusal(updated("fresh", plain)), busy);
    assert.equal(
      await refusal(client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "fresh", Timeout: 9 }))),
      busy,
    );
    assert.equal(await refusal(client.send(new sdk.PublishVersionCommand({ FunctionName: "fresh" }))), busy);
    const provisioned = { FunctionName: "fresh", Qualifier: "1", ProvisionedConcurrentExecutions: 1 };
    assert.equal(await refusal(client.send(new sdk.PutProvisionedConcurrencyConfigCommand(provisioned))), busy);
    go();
    await active("fresh");
    assert.equal(await says("fresh"), "greet 1.0.0");
    await sdk.waitUntilPublishedVersionActive({ client, ...waits }, { FunctionName: "fresh", Qualifier: "1" });
    assert.equal(await says("fresh", "1"), "greet 1.0.0");
    const again = await made("again", needs("1.0.0"));
    assert.equal(again.State, "Active", "packages that are there take no time");
  });

  test("while an update is in progress the code before is called, and nothing else is changed", async () => {
    const go = registry.holdBack();
    const update = await updated("fresh", needs("2.0.0"));
    assert.deepEqual([update.State, update.LastUpdateStatus, update.CodeSize], ["Active", "InProgress", needs("2.0.0").length]);
    assert.equal(await says("fresh"), "greet 1.0.0");
    assert.equal(await says("fresh", "1"), "greet 1.0.0");
    assert.equal(await refusal(updated("fresh", plain)), busy);
    assert.equal((await shown("fresh")).LastUpdateStatusReasonCode, "Creating");
    go();
    await updatedV2("fresh");
    assert.equal(await says("fresh"), "greet 2.0.0");
    assert.equal((await shown("fresh")).RevisionId, update.RevisionId);
  });

  test("one that can't be made says why; its waiter ends, and better code makes it active", async () => {
    assert.equal((await made("broken", needs("1.0.0", "no-such-package"))).State, "Pending");
    await assert.rejects(active("broken"), /FAILURE|Failed/);
    const { State, StateReason, StateReasonCode } = await shown("broken");
    assert.deepEqual([State, StateReasonCode], ["Failed", "FunctionError"]);
    assert.match(String(StateReason), /no-such-package/);
    assert.equal(await refusal(client.send(new sdk.InvokeCommand({ FunctionName: "broken" }))), busy);
    const changed = await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "broken", Timeout: 9 }));
    assert.deepEqual([changed.State, changed.Timeout], ["Failed", 9]);
    assert.equal((await updated("broken", plain)).State, "Active");
    assert.equal(await says("broken"), "plain");
  });

  test("an update that fails leaves the code before, also after other changes and a restart", async () => {
    await updated("fresh", needs("9.9.9"));
    await assert.rejects(updatedV2("fresh"), /FAILURE|Failed/);
    const failed = await shown("fresh");
    assert.deepEqual([failed.State, failed.LastUpdateStatus], ["Active", "Failed"]);
    assert.match(String(failed.LastUpdateStatusReason), /greet/);
    await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "fresh", Timeout: 9 }));
    assert.equal(await says("fresh"), "greet 2.0.0");
    await platform.crash();
    await start();
    assert.equal((await shown("fresh")).LastUpdateStatus, "Failed");
    assert.equal(await says("fresh"), "greet 2.0.0");
    assert.equal((await updated("fresh", needs("1.0.0"))).LastUpdateStatus, "Successful");
    assert.equal(await says("fresh"), "greet 1.0.0");
  });

  test("a crash meanwhile loses none: what was begun is there as it was, and is finished", async () => {
    const go = registry.holdBack();
    await made("crashed", needs("3.0.0"));
    await updated("fresh", needs("4.0.0"));
    await platform.crash();
    await start();
    assert.equal((await shown("crashed")).State, "Pending");
    assert.equal(await refusal(client.send(new sdk.InvokeCommand({ FunctionName: "crashed" }))), busy);
    assert.deepEqual([(await shown("fresh")).LastUpdateStatus, await says("fresh")], ["InProgress", "greet 1.0.0"]);
    go();
    await Promise.all([active("crashed"), updatedV2("fresh")]);
    assert.deepEqual([await says("crashed"), await says("fresh")], ["greet 3.0.0", "greet 4.0.0"]);
  });

  test("one that is deleted meanwhile is gone, and its name is free", async () => {
    const go = registry.holdBack();
    await made("short", needs("5.0.0"));
    await client.send(new sdk.DeleteFunctionCommand({ FunctionName: "short" }));
    assert.equal((await made("short", plain)).State, "Active");
    go();
    assert.equal(await says("short"), "plain");
    const second = registry.holdBack();
    await made("stopped", needs("5.0.0"));
    assert.equal(await platform.stop(), 0, "a stop does not wait for it");
    second();
    await start();
    await active("stopped");
    assert.equal(await says("stopped"), "greet 5.0.0");
  });
});

/** A package. */
function greet(version: string) {
  return { name: "greet", version, files: { "index.js": `module.exports = () => "greet ${version}";` } };
}
