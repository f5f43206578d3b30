/** Lambda's API as its service model has it, from the clients' package: each operation is served or refused by name, and docs/lambda.md says which. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { type Operation, operations } from "../../src/api/lambda/operations.ts";
import { send } from "../client.ts";
import { lambdaClient, refusal, role, zipOf } from "../lambda.ts";
import { awsKit } from "../lambda-python.ts";
import { type Platform, startPlatform } from "../platform.ts";

interface Model {
  readonly operations: Readonly<Record<string, { readonly http: { readonly method: string; readonly requestUri: string } }>>;
}

/** What calls functions has ways of its own. */
const calls = new Set(["Invoke", "InvokeAsync", "InvokeWithResponseStream"]);
const modelFile = "awscli/botocore/data/lambda/2015-03-31/service-2.json";
const docs = readFileSync(join(import.meta.dirname, "../../docs/lambda.md"), "utf8");

let platform: Platform;
let client: sdk.LambdaClient;
let model: Model;

before(async () => {
  model = JSON.parse(readFileSync(join(await awsKit(), modelFile), "utf8"));
  platform = await startPlatform({ flags: ["--lambda-signatures", "any"] });
  client = lambdaClient(platform, { accessKeyId: "any", secretAccessKey: "any" });
  await client.send(
    new sdk.CreateFunctionCommand({
      FunctionName: "there",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Code: { ZipFile: zipOf("index.js", "exports.handler = async (event) => event;") },
    }),
  );
});
after(async () => {
  client?.destroy();
  assert.equal(await platform?.stop(), 0);
});

/** Parts of a path without their names. */
const bare = (path: string) => path.replaceAll(/\{\w+\}/g, "{}");

test("the model has no operation that is not known here, and none is known that it has not", () => {
  const wanted = Object.entries(model.operations)
    .filter(([name]) => !calls.has(name))
    .map(([name, { http }]) => `${name} ${http.method} ${bare(http.requestUri)}`);
  assert.ok(wanted.length > 80, String(wanted.length));
  assert.deepEqual(operations.map(([name, method, path]) => `${name} ${method} ${bare(path)}`).toSorted(), wanted.toSorted());
});

test("docs/lambda.md has a row with each operation, and says of those that are not there that they are not", () => {
  const rows = docs.split("\n").filter((line) => /^\| `[A-Z]/.test(line));
  for (const name of Object.keys(model.operations)) {
    const found = rows.filter((row) => row.split("|", 2)[1]?.includes(`\`${name}\``));
    const isThere = calls.has(name) || operations.some(([known, , , serve]) => known === name && serve !== null);
    const said = found.map((row) => !row.split("|")[2]?.trim().startsWith("not there"));
    assert.ok(said.length > 0, `no row has ${name}`);
    assert.ok(
      said.every((each) => each === isThere),
      `${name} is ${isThere ? "" : "not "}there`,
    );
  }
});

/** A request as somebody sends it who has read no more than the model. */
async function asked([, method, path]: Operation) {
  const target = path.replaceAll(/\{\w+\}/g, "nothing");
  return await send(method, platform.url + target, method === "POST" || method === "PUT" ? "{}" : undefined);
}

test("what is not there is refused by name, in the shape of Lambda's errors, and what is there never is", async () => {
  for (const operation of operations) {
    const [name, , , serve] = operation;
    const { status, headers, json } = await asked(operation);
    const type = headers.get("x-amzn-errortype");
    if (serve === null) {
      assert.deepEqual([status, type, json["Type"]], [501, "NotImplementedException", "Service"], name);
      assert.match(String(json["message"]), new RegExp(`^${name} is not supported`));
    } else {
      assert.ok(status < 500, `${name}: ${status}`);
      assert.doesNotMatch(type ?? "", /NotImplemented|UnknownOperation/, name);
    }
  }
  const create = new sdk.CreateEventSourceMappingCommand({ FunctionName: "there", EventSourceArn: "arn:aws:sqs:us-east-1:1:q" });
  assert.equal(await refusal(client.send(create)), "501 NotImplementedException");
  const unknown = await send("GET", `${platform.url}/2015-03-31/functions/there/nothing`);
  assert.deepEqual([unknown.status, unknown.headers.get("x-amzn-errortype")], [404, "UnknownOperationException"]);
});

test("what tools ask of every function by habit has an answer", async () => {
  const fn = { FunctionName: "there" };
  assert.partialDeepStrictEqual(await client.send(new sdk.GetFunctionCodeSigningConfigCommand(fn)), {
    FunctionName: "there",
    CodeSigningConfigArn: "",
  });
  assert.partialDeepStrictEqual(await client.send(new sdk.GetRuntimeManagementConfigCommand(fn)), { UpdateRuntimeOn: "Auto" });
  const put = (UpdateRuntimeOn: sdk.UpdateRuntimeOn) =>
    refusal(client.send(new sdk.PutRuntimeManagementConfigCommand({ ...fn, UpdateRuntimeOn })));
  assert.deepEqual([await put("Auto"), await put("Manual")], ["none", "400 InvalidParameterValueException"]);
  const recursion = (RecursiveLoop: sdk.RecursiveLoop) =>
    refusal(client.send(new sdk.PutFunctionRecursionConfigCommand({ ...fn, RecursiveLoop })));
  assert.deepEqual([await recursion("Terminate"), await recursion("Allow")], ["none", "400 InvalidParameterValueException"]);
  assert.equal((await client.send(new sdk.GetFunctionRecursionConfigCommand(fn))).RecursiveLoop, "Terminate");
  assert.deepEqual((await client.send(new sdk.ListEventSourceMappingsCommand(fn))).EventSourceMappings, []);
  assert.deepEqual((await client.send(new sdk.ListCodeSigningConfigsCommand({}))).CodeSigningConfigs, []);
  const gone = new sdk.GetFunctionCodeSigningConfigCommand({ FunctionName: "gone" });
  assert.equal(await refusal(client.send(gone)), "404 ResourceNotFoundException");
  const event = await send("POST", `${platform.url}/2014-11-13/functions/there/invoke-async/`, '{"a":1}');
  assert.equal(event.status, 202);
});
