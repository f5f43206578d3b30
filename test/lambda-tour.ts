/** Every operation of Lambda's door in an order that makes sense, for any client, with what each is to give. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { role, zipOf } from "./lambda.ts";
import { askUrl } from "./url-client.ts";

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what tests are about.
export type Json = Record<string, any>;

/** What a client made of an operation: what it gives, or the name of its error. Payloads are text. */
export type Outcome = { readonly output: Json } | { readonly error: string };

/** `operation`: as the API has it, or `wait:` and a waiter. Bytes are buffers. */
export type Client = (operation: string, input: Json) => Promise<Outcome>;

/** What is wanted: a part of the output, a look at it, or an error. */
type Expected = Json | ((output: Json) => void) | string;
type Memory = Map<string, string>;
type Step = readonly [
  operation: string,
  input: Json | ((memory: Memory) => Json),
  expected: Expected,
  keep?: (output: Json, memory: Memory) => void,
];

const name = "tour-hello";
const arn = `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
const code = (says: string) =>
  zipOf(
    "index.js",
    `exports.handler = async (event, context) => {
      console.log("was sent", JSON.stringify(event));
      if (event.fail) throw new TypeError(event.fail);
      return { says: "${says}", event, arn: context.invokedFunctionArn, env: process.env.GREETING };
    };`,
  );
const python = zipOf("app.py", "def handler(event, context):\n    return {'got': event, 'name': context.function_name}\n");
const payload = (value: unknown) => ({ FunctionName: name, Payload: Buffer.from(JSON.stringify(value)) });
const answers = (says: string, version: string) => (output: Json) => {
  assert.deepEqual([JSON.parse(output["Payload"]).says, output["ExecutedVersion"]], [says, version]);
};
const named = (more: Json = {}) => ({ FunctionName: name, ...more });
const keepRevision = (output: Json, memory: Memory) => memory.set("revision", output["RevisionId"]);
const noFunction = "ResourceNotFoundException";

const functions: readonly Step[] = [
  [
    "CreateFunction",
    named({
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Code: { ZipFile: code("first") },
      Description: "greets",
      Timeout: 10,
      MemorySize: 256,
      Environment: { Variables: { GREETING: "hi" } },
      Tags: { team: "blue" },
    }),
    {
      FunctionName: name,
      FunctionArn: arn,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Description: "greets",
      Timeout: 10,
      MemorySize: 256,
      Version: "$LATEST",
      State: "Active",
      LastUpdateStatus: "Successful",
      PackageType: "Zip",
      Environment: { Variables: { GREETING: "hi" } },
    },
  ],
  [
    "CreateFunction",
    named({ Runtime: "nodejs24.x", Handler: "a.b", Role: role, Code: { ZipFile: code("x") } }),
    "ResourceConflictException",
  ],
  [
    "CreateFunction",
    { FunctionName: "tour-old", Runtime: "dotnet8", Handler: "a.b", Role: role, Code: { ZipFile: code("x") } },
    "InvalidParameterValueException",
  ],
  ["wait:function_active_v2", named(), {}],
  ["wait:function_exists", named(), {}],
  ["GetFunction", named(), { Configuration: { FunctionArn: arn, CodeSize: code("first").length }, Tags: { team: "blue" } }],
  ["GetFunctionConfiguration", { FunctionName: arn }, { FunctionName: name, Timeout: 10 }, keepRevision],
  ["GetFunctionConfiguration", { FunctionName: `000000000000:function:${name}` }, { FunctionName: name }],
  [
    "ListFunctions",
    {},
    (output) =>
      assert.deepEqual(
        output["Functions"].map((fn: Json) => fn["FunctionName"]),
        [name],
      ),
  ],
  [
    "Invoke",
    payload({ a: [1, "ü"] }),
    (output) =>
      assert.deepEqual(
        [JSON.parse(output["Payload"]), output["StatusCode"], output["FunctionError"]],
        [{ says: "first", event: { a: [1, "ü"] }, arn, env: "hi" }, 200, undefined],
      ),
  ],
  [
    "Invoke",
    { ...payload({ a: 1 }), LogType: "Tail" },
    (output) =>
      assert.match(
        Buffer.from(output["LogResult"], "base64").toString(),
        /^START RequestId: .*\n.*was sent {"a":1}\nEND RequestId: .*\nREPORT .*Memory Size: 256 MB/,
      ),
  ],
  [
    "Invoke",
    payload({ fail: "as asked" }),
    (output) => {
      const { errorType, errorMessage, trace } = JSON.parse(output["Payload"]);
      assert.deepEqual(
        [output["StatusCode"], output["FunctionError"], errorType, errorMessage],
        [200, "Unhandled", "TypeError", "as asked"],
      );
      assert.ok(trace.length > 1);
    },
  ],
  ["Invoke", { ...payload({}), InvocationType: "Event" }, { StatusCode: 202 }],
  ["Invoke", { ...payload({}), InvocationType: "DryRun" }, { StatusCode: 204 }],
  ["Invoke", { FunctionName: "tour-nothing" }, noFunction],
  [
    "UpdateFunctionConfiguration",
    (memory) => named({ Timeout: 20, RevisionId: memory.get("revision") }),
    { Timeout: 20, MemorySize: 256, Description: "greets" },
  ],
  [
    "UpdateFunctionConfiguration",
    (memory) => named({ Timeout: 30, RevisionId: memory.get("revision") }),
    "PreconditionFailedException",
  ],
  ["UpdateFunctionCode", named({ ZipFile: code("second") }), { CodeSize: code("second").length, Timeout: 20 }],
  ["UpdateFunctionCode", named({ ZipFile: zipOf("../outside.js", "") }), "InvalidParameterValueException"],
  ["UpdateFunctionCode", named({ ZipFile: code("tried"), DryRun: true }), { CodeSize: code("tried").length }],
  ["wait:function_updated_v2", named(), {}],
  ["Invoke", payload({}), answers("second", "$LATEST")],
];

const versions: readonly Step[] = [
  ["PublishVersion", named({ Description: "one" }), { Version: "1", FunctionArn: `${arn}:1`, Description: "one" }],
  ["PublishVersion", named(), { Version: "1" }],
  ["wait:published_version_active", named({ Qualifier: "1" }), {}],
  ["UpdateFunctionCode", named({ ZipFile: code("third"), Publish: true }), { Version: "2" }],
  [
    "ListVersionsByFunction",
    named(),
    (output) =>
      assert.deepEqual(
        output["Versions"].map((each: Json) => each["Version"]),
        ["$LATEST", "1", "2"],
      ),
  ],
  ["GetFunctionConfiguration", named({ Qualifier: "1" }), { Version: "1", CodeSize: code("second").length }],
  ["Invoke", { ...payload({}), Qualifier: "1" }, answers("second", "1")],
  ["Invoke", { ...payload({}), FunctionName: `${name}:2` }, answers("third", "2")],
  ["Invoke", { ...payload({}), Qualifier: "7" }, noFunction],
  [
    "CreateAlias",
    named({ Name: "live", FunctionVersion: "1" }),
    { AliasArn: `${arn}:live`, Name: "live", FunctionVersion: "1" },
    keepRevision,
  ],
  ["CreateAlias", named({ Name: "live", FunctionVersion: "1" }), "ResourceConflictException"],
  ["Invoke", { ...payload({}), Qualifier: "live" }, answers("second", "1")],
  [
    "UpdateAlias",
    (memory) =>
      named({ Name: "live", RoutingConfig: { AdditionalVersionWeights: { 2: 1 } }, RevisionId: memory.get("revision") }),
    { RoutingConfig: { AdditionalVersionWeights: { 2: 1 } } },
  ],
  [
    "UpdateAlias",
    (memory) => named({ Name: "live", FunctionVersion: "2", RevisionId: memory.get("revision") }),
    "PreconditionFailedException",
  ],
  ["Invoke", { ...payload({}), Qualifier: "live" }, answers("third", "2")],
  ["GetAlias", named({ Name: "live" }), { FunctionVersion: "1" }],
  ["ListAliases", named(), (output) => assert.equal(output["Aliases"].length, 1)],
  [
    "PutProvisionedConcurrencyConfig",
    named({ Qualifier: "$LATEST", ProvisionedConcurrentExecutions: 1 }),
    "InvalidParameterValueException",
  ],
  [
    "PutProvisionedConcurrencyConfig",
    named({ Qualifier: "live", ProvisionedConcurrentExecutions: 1 }),
    { RequestedProvisionedConcurrentExecutions: 1 },
  ],
  ["wait:provisioned", named({ Qualifier: "live" }), { Status: "READY", AvailableProvisionedConcurrentExecutions: 1 }],
  ["Invoke", { ...payload({}), Qualifier: "live" }, answers("third", "2")],
  [
    "ListProvisionedConcurrencyConfigs",
    named(),
    (output) =>
      assert.deepEqual(
        output["ProvisionedConcurrencyConfigs"].map((each: Json) => each["FunctionArn"]),
        [`${arn}:live`],
      ),
  ],
  ["DeleteProvisionedConcurrencyConfig", named({ Qualifier: "live" }), {}],
  ["GetProvisionedConcurrencyConfig", named({ Qualifier: "live" }), "ProvisionedConcurrencyConfigNotFoundException"],
  ["DeleteFunction", named({ Qualifier: "1" }), "ResourceConflictException"],
  ["DeleteAlias", named({ Name: "live" }), {}],
  ["GetAlias", named({ Name: "live" }), noFunction],
  ["DeleteFunction", named({ Qualifier: "1" }), {}],
  ["Invoke", { ...payload({}), Qualifier: "1" }, noFunction],
];

const settings: readonly Step[] = [
  ["TagResource", { Resource: arn, Tags: { cost: "7" } }, {}],
  ["ListTags", { Resource: arn }, { Tags: { team: "blue", cost: "7" } }],
  ["UntagResource", { Resource: arn, TagKeys: ["team", "other"] }, {}],
  ["ListTags", { Resource: arn }, (output) => assert.deepEqual(output["Tags"], { cost: "7" })],
  ["PutFunctionConcurrency", named({ ReservedConcurrentExecutions: 5 }), { ReservedConcurrentExecutions: 5 }],
  ["GetFunctionConcurrency", named(), { ReservedConcurrentExecutions: 5 }],
  ["DeleteFunctionConcurrency", named(), {}],
  ["GetFunctionConcurrency", named(), (output) => assert.equal(output["ReservedConcurrentExecutions"], undefined)],
  ["GetFunctionEventInvokeConfig", named(), noFunction],
  [
    "PutFunctionEventInvokeConfig",
    named({ MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: arn } } }),
    { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 21_600, DestinationConfig: { OnFailure: { Destination: arn } } },
  ],
  [
    "UpdateFunctionEventInvokeConfig",
    named({ MaximumEventAgeInSeconds: 60 }),
    { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
  ],
  ["GetFunctionEventInvokeConfig", named(), { FunctionArn: `${arn}:$LATEST`, MaximumEventAgeInSeconds: 60 }],
  ["ListFunctionEventInvokeConfigs", named(), (output) => assert.equal(output["FunctionEventInvokeConfigs"].length, 1)],
  ["DeleteFunctionEventInvokeConfig", named(), {}],
  [
    "AddPermission",
    named({ StatementId: "s3", Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com" }),
    (output) => assert.equal(JSON.parse(output["Statement"]).Sid, "s3"),
  ],
  [
    "GetPolicy",
    named(),
    (output) => assert.equal(JSON.parse(output["Policy"]).Statement[0].Principal.Service, "s3.amazonaws.com"),
  ],
  ["RemovePermission", named({ StatementId: "s3" }), {}],
  ["GetPolicy", named(), noFunction],
  [
    "CreateFunctionUrlConfig",
    named({ AuthType: "NONE", Cors: { AllowOrigins: ["*"], MaxAge: 5 } }),
    { AuthType: "NONE", FunctionArn: arn, Cors: { AllowOrigins: ["*"], MaxAge: 5 } },
    (output, memory) => memory.set("url", output["FunctionUrl"]),
  ],
  ["CreateFunctionUrlConfig", named({ AuthType: "NONE" }), "ResourceConflictException"],
  ["CreateFunctionUrlConfig", named({ AuthType: "NONE", Qualifier: "nobody" }), noFunction],
  ["ask:url", {}, { status: 200, origin: "*" }],
  [
    "UpdateFunctionUrlConfig",
    named({ AuthType: "AWS_IAM", InvokeMode: "RESPONSE_STREAM", Cors: {} }),
    (output) =>
      assert.deepEqual([output["AuthType"], output["InvokeMode"], output["Cors"]], ["AWS_IAM", "RESPONSE_STREAM", undefined]),
  ],
  ["ask:url", {}, { status: 403 }],
  ["GetFunctionUrlConfig", named(), { AuthType: "AWS_IAM", InvokeMode: "RESPONSE_STREAM" }],
  ["ListFunctionUrlConfigs", named(), (output) => assert.equal(output["FunctionUrlConfigs"].length, 1)],
  ["DeleteFunctionUrlConfig", named(), {}],
  ["GetFunctionUrlConfig", named(), noFunction],
  ["ask:url", {}, { status: 403 }],
  ["GetFunctionCodeSigningConfig", named(), { FunctionName: name }],
  ["GetRuntimeManagementConfig", named(), { UpdateRuntimeOn: "Auto" }],
  ["GetFunctionRecursionConfig", named(), { RecursiveLoop: "Terminate" }],
  ["ListEventSourceMappings", named(), (output) => assert.deepEqual(output["EventSourceMappings"], [])],
  ["GetEventSourceMapping", { UUID: "00000000-0000-4000-8000-000000000000" }, "NotImplementedException"],
  ["GetAccountSettings", {}, (output) => assert.equal(output["AccountUsage"].FunctionCount, 1)],
];

const layer = "tour-words";
const layerArn = `arn:aws:lambda:us-east-1:000000000000:layer:${layer}`;
const layered = (more: Json = {}) => ({ LayerName: layer, ...more });
const firstVersion = layered({ VersionNumber: 1 });
const allowed = { ...firstVersion, StatementId: "all", Action: "lambda:GetLayerVersion", Principal: "*" };

const layers: readonly Step[] = [
  [
    "PublishLayerVersion",
    layered({
      Description: "words",
      Content: { ZipFile: zipOf("nodejs/node_modules/words/index.js", 'module.exports = "layered";') },
      CompatibleRuntimes: ["nodejs24.x"],
    }),
    { LayerArn: layerArn, LayerVersionArn: `${layerArn}:1`, Version: 1, CompatibleRuntimes: ["nodejs24.x"] },
  ],
  ["GetLayerVersion", firstVersion, { LayerVersionArn: `${layerArn}:1`, Description: "words" }],
  ["GetLayerVersionByArn", { Arn: `${layerArn}:1` }, { Version: 1 }],
  ["GetLayerVersionByArn", { Arn: `${layerArn}:7` }, noFunction],
  [
    "ListLayers",
    { CompatibleRuntime: "nodejs24.x" },
    (output) => assert.equal(output["Layers"][0].LatestMatchingVersion.Version, 1),
  ],
  ["ListLayerVersions", layered(), (output) => assert.equal(output["LayerVersions"].length, 1)],
  ["AddLayerVersionPermission", allowed, (output) => assert.equal(JSON.parse(output["Statement"]).Resource, `${layerArn}:1`)],
  ["GetLayerVersionPolicy", firstVersion, (output) => assert.equal(JSON.parse(output["Policy"]).Statement[0].Sid, "all")],
  ["RemoveLayerVersionPermission", { ...firstVersion, StatementId: "all" }, {}],
  ["GetLayerVersionPolicy", firstVersion, noFunction],
  [
    "CreateFunction",
    {
      FunctionName: "tour-layered",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: role,
      Layers: [`${layerArn}:1`],
      Code: { ZipFile: zipOf("index.js", 'exports.handler = async () => require("words");') },
    },
    (output) => assert.equal(output["Layers"][0].Arn, `${layerArn}:1`),
  ],
  ["DeleteLayerVersion", firstVersion, {}],
  ["GetLayerVersion", firstVersion, noFunction],
  ["Invoke", { ...payload({}), FunctionName: "tour-layered" }, (output) => assert.equal(output["Payload"], '"layered"')],
  ["UpdateFunctionConfiguration", { FunctionName: "tour-layered", Layers: [`${layerArn}:1`] }, "InvalidParameterValueException"],
  ["UpdateFunctionConfiguration", { FunctionName: "tour-layered", Layers: [] }, { FunctionName: "tour-layered" }],
  ["DeleteFunction", { FunctionName: "tour-layered" }, {}],
];

const ending: readonly Step[] = [
  [
    "CreateFunction",
    {
      FunctionName: "tour-python",
      Runtime: "python3.11",
      Handler: "app.handler",
      Role: role,
      Code: { ZipFile: python },
      Publish: true,
    },
    { Version: "1" },
  ],
  [
    "Invoke",
    { ...payload([1, 2]), FunctionName: "tour-python" },
    (output) => assert.deepEqual(JSON.parse(output["Payload"]), { got: [1, 2], name: "tour-python" }),
  ],
  ["DeleteFunction", { FunctionName: "tour-python" }, {}],
  ["DeleteFunction", named(), {}],
  ["GetFunction", named(), noFunction],
];

const streamed: readonly Step[] = [
  [
    "InvokeWithResponseStream",
    payload({ a: 1 }),
    (output) => {
      const events = output["EventStream"] as Json[];
      assert.equal(JSON.parse(events.map((each) => each["PayloadChunk"]?.Payload ?? "").join("")).says, "third");
      assert.deepEqual(events.at(-1), { InvokeComplete: {} });
    },
  ],
  [
    "InvokeWithResponseStream",
    payload({ fail: "as asked" }),
    (output) => {
      const { ErrorCode, ErrorDetails } = ((output["EventStream"] as Json[]).at(-1) as Json)["InvokeComplete"];
      assert.deepEqual([ErrorCode, JSON.parse(ErrorDetails).errorMessage], ["TypeError", "as asked"]);
    },
  ],
];

/** Runs all of it, and says of each operation what the client made of it. `streams`: whether the client has calls whose answers are streamed. */
export async function lambdaTour(t: TestContext, client: Client, streams: boolean): Promise<void> {
  const memory: Memory = new Map();
  for (const [operation, given, expected, keep] of [
    ...functions,
    ...versions,
    ...(streams ? streamed : []),
    ...settings,
    ...layers,
    ...ending,
  ]) {
    const input = typeof given === "function" ? given(memory) : given;
    const outcome = await (ownSteps[operation]?.(client, input, memory) ?? client(operation, input));
    const what = `${operation} ${JSON.stringify(input).slice(0, 200)}: ${JSON.stringify(outcome).slice(0, 600)}`;
    t.diagnostic(`${operation.padEnd(32)} ${"error" in outcome ? outcome.error : "ok"}`);
    if (typeof expected === "string") assert.deepEqual(outcome, { error: expected }, what);
    else {
      assert.ok("output" in outcome, what);
      if (typeof expected === "function") expected(outcome.output);
      else assert.partialDeepStrictEqual(outcome.output, expected, what);
      keep?.(outcome.output, memory);
    }
  }
}

/** Steps that no client has. */
const ownSteps: Readonly<Record<string, (client: Client, input: Json, memory: Memory) => Promise<Outcome>>> = {
  "wait:provisioned": provisioned,
  "ask:url": async (_client, _input, memory) => {
    const { status, headers } = await askUrl(String(memory.get("url")), { headers: { Origin: "https://page.example" } });
    return { output: { status, origin: headers["access-control-allow-origin"] } };
  },
};

/** There is no waiter for it. */
async function provisioned(client: Client, input: Json): Promise<Outcome> {
  for (;;) {
    const outcome = await client("GetProvisionedConcurrencyConfig", input);
    if ("error" in outcome || outcome.output["Status"] !== "IN_PROGRESS") return outcome;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
