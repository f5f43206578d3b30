/** Lambda's door as `@aws-sdk/client-lambda` uses it, and what it refuses. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../assembled-invocation.ts";
import * as sdk from "@aws-sdk/client-lambda";
import { call, put, send } from "../client.ts";
import { makeZip } from "../archives.ts";
import { lambdaClient, type Pair, pairOf, refusal, role, zipOf } from "../lambda.ts";
import { type Client, type Json, lambdaTour } from "../lambda-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Any of the SDK's: only `send` of the client knows what belongs together. */
type AnyCommand = sdk.GetFunctionCommand;
type Command = new (input: Json) => AnyCommand;
type Waiter = (params: { client: sdk.LambdaClient; maxWaitTime: number }, input: Json) => Promise<unknown>;

let platform: Platform;
let pair: Pair;
let client: sdk.LambdaClient;

before(async () => {
  platform = await startPlatform();
  pair = await pairOf(platform);
  client = lambdaClient(platform, pair);
});
after(async () => {
  client?.destroy();
  assert.equal(await platform?.stop(), 0);
});

const text = (bytes: unknown): unknown => (bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : bytes);

/** The SDK as tours use it. */
const tourist: Client = async (operation, input) => {
  try {
    if (operation.startsWith("wait:")) {
      await waiterOf(operation.slice("wait:".length))({ client, maxWaitTime: 30 }, input);
      return { output: {} };
    }
    const Made = (sdk as unknown as Record<string, Command>)[`${operation}Command`] as Command;
    const { $metadata: _metadata, ...output } = (await client.send(new Made(input))) as Json;
    if (output["EventStream"] !== undefined) output["EventStream"] = await eventsIn(output["EventStream"]);
    return { output: { ...output, Payload: text(output["Payload"]) } };
  } catch (error) {
    if (!(error instanceof sdk.LambdaServiceException)) throw error;
    return { error: error.name };
  }
};

/** `function_active_v2` is `waitUntilFunctionActiveV2`. */
function waiterOf(name: string): Waiter {
  const words = name.split("_").map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return (sdk as unknown as Record<string, Waiter>)[`waitUntil${words.join("")}`] as Waiter;
}

async function eventsIn(stream: AsyncIterable<sdk.InvokeWithResponseStreamResponseEvent>): Promise<Json[]> {
  const events: Json[] = [];
  for await (const { PayloadChunk, InvokeComplete } of stream) {
    if (PayloadChunk !== undefined) events.push({ PayloadChunk: { Payload: text(PayloadChunk.Payload) } });
    if (InvokeComplete !== undefined) events.push({ InvokeComplete });
  }
  return events;
}

test("every operation", (t) => lambdaTour(t, tourist, true));

const simple = zipOf("index.js", "exports.handler = async (event) => event;");

/** What makes a function of this name. */
function made(name: string, more: Partial<sdk.CreateFunctionCommandInput> = {}): sdk.CreateFunctionCommand {
  const code = { Runtime: "nodejs24.x", Handler: "index.handler", Role: role, Code: { ZipFile: simple } } as const;
  return new sdk.CreateFunctionCommand({ FunctionName: name, ...code, ...more });
}

const numbered = (n: number) => zipOf("index.js", `exports.handler = async () => ${n};`);
const elsewhere = (region: string, account: string) => `arn:aws:lambda:${region}:${account}:function:strict`;

/** What comes of a question that anybody may ask who has a key. */
const ask = (asked: sdk.LambdaClient) => refusal(asked.send(new sdk.GetAccountSettingsCommand({})));

/** Every operation that names a function. */
function operations(FunctionName: string): readonly AnyCommand[] {
  const Resource = `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}`;
  const fn = { FunctionName };
  const commands: readonly unknown[] = [
    new sdk.GetFunctionCommand(fn),
    new sdk.GetFunctionConfigurationCommand(fn),
    new sdk.UpdateFunctionConfigurationCommand({ ...fn, Timeout: 9 }),
    new sdk.UpdateFunctionCodeCommand({ ...fn, ZipFile: simple }),
    new sdk.DeleteFunctionCommand(fn),
    new sdk.InvokeCommand(fn),
    new sdk.InvokeCommand({ ...fn, Qualifier: "live" }),
    new sdk.InvokeCommand({ ...fn, InvocationType: "Event" }),
    new sdk.InvokeCommand({ ...fn, InvocationType: "DryRun" }),
    new sdk.InvokeWithResponseStreamCommand(fn),
    new sdk.PublishVersionCommand(fn),
    new sdk.ListVersionsByFunctionCommand(fn),
    new sdk.CreateAliasCommand({ ...fn, Name: "mine", FunctionVersion: "$LATEST" }),
    new sdk.UpdateAliasCommand({ ...fn, Name: "live" }),
    new sdk.GetAliasCommand({ ...fn, Name: "live" }),
    new sdk.ListAliasesCommand(fn),
    new sdk.DeleteAliasCommand({ ...fn, Name: "live" }),
    new sdk.ListTagsCommand({ Resource }),
    new sdk.TagResourceCommand({ Resource, Tags: { a: "b" } }),
    new sdk.UntagResourceCommand({ Resource, TagKeys: ["a"] }),
    new sdk.PutFunctionConcurrencyCommand({ ...fn, ReservedConcurrentExecutions: 1 }),
    new sdk.GetFunctionConcurrencyCommand(fn),
    new sdk.DeleteFunctionConcurrencyCommand(fn),
    new sdk.PutFunctionEventInvokeConfigCommand(fn),
    new sdk.UpdateFunctionEventInvokeConfigCommand(fn),
    new sdk.GetFunctionEventInvokeConfigCommand(fn),
    new sdk.ListFunctionEventInvokeConfigsCommand(fn),
    new sdk.DeleteFunctionEventInvokeConfigCommand(fn),
    new sdk.AddPermissionCommand({ ...fn, StatementId: "a", Action: "lambda:InvokeFunction", Principal: "*" }),
    new sdk.GetPolicyCommand(fn),
    new sdk.RemovePermissionCommand({ ...fn, StatementId: "a" }),
  ];
  return commands as readonly AnyCommand[];
}

test("another namespace sees nothing of a function, by any operation, and a forged signature gets nowhere", async () => {
  await client.send(made("private"));
  await client.send(new sdk.CreateAliasCommand({ FunctionName: "private", Name: "live", FunctionVersion: "$LATEST" }));
  await call(`${platform.url}/kiln/v1/namespaces`, { name: "other" });
  const other = lambdaClient(platform, await pairOf(platform, "other"));
  const forged = lambdaClient(platform, { ...pair, secretAccessKey: "A".repeat(40) });
  for (const command of operations("private")) {
    const what = command.constructor.name;
    assert.equal(await refusal(other.send(command)), "404 ResourceNotFoundException", what);
    assert.equal(await refusal(forged.send(command)), "403 InvalidSignatureException", what);
  }
  const { Functions } = await other.send(new sdk.ListFunctionsCommand({}));
  assert.deepEqual(Functions, []);
  const { Configuration } = await client.send(new sdk.GetFunctionCommand({ FunctionName: "private" }));
  assert.equal(Configuration?.Timeout, 3, "nothing of it was changed");
});

test("a key that is taken back signs nothing any more; clocks and regions that are wrong are told", async () => {
  const keys = `${platform.url}/kiln/v1/namespaces/guest/keys`;
  const { json } = await call(keys);
  const { accessKeyId, secretAccessKey } = (await send("GET", `${keys}/${json["id"]}/signing`)).json as unknown as Pair;
  const second = lambdaClient(platform, { accessKeyId, secretAccessKey });
  await second.send(new sdk.GetAccountSettingsCommand({}));
  await send("DELETE", `${keys}/${json["id"]}`);
  assert.equal(await ask(second), "403 UnrecognizedClientException");
  assert.equal(await ask(lambdaClient(platform, pair, { systemClockOffset: -600_000 })), "403 InvalidSignatureException");
  assert.equal(await ask(lambdaClient(platform, pair, { region: "eu-west-1" })), "403 InvalidSignatureException");
  const bare = await send("GET", `${platform.url}/2016-08-19/account-settings`);
  assert.deepEqual([bare.status, bare.headers.get("x-amzn-errortype")], [403, "MissingAuthenticationTokenException"]);
});

test("names, qualifiers, payloads and code that are none", async () => {
  await client.send(made("strict"));
  const invoke = (more: Partial<sdk.InvokeCommandInput>) =>
    refusal(client.send(new sdk.InvokeCommand({ FunctionName: "strict", ...more })));
  assert.equal(await invoke({ FunctionName: elsewhere("us-east-1", "000000000000") }), "none");
  assert.equal(await invoke({ FunctionName: elsewhere("us-east-1", "111111111111") }), "404 ResourceNotFoundException");
  assert.equal(await invoke({ FunctionName: elsewhere("eu-west-1", "000000000000") }), "404 ResourceNotFoundException");
  for (const name of ["arn:aws:s3:::bucket", "a/b", "a:b:c:d", "a b:$LATEST:1", "-", ".", "x".repeat(300)])
    assert.match(await invoke({ FunctionName: name }), /^400 ValidationException$|^404 /, name);
  assert.equal(await invoke({ FunctionName: "strict:1", Qualifier: "2" }), "400 InvalidParameterValueException");
  assert.equal(await invoke({ Qualifier: "no/alias" }), "400 ValidationException");
  assert.equal(await invoke({ Payload: Buffer.from("{") }), "400 InvalidRequestContentException");
  assert.equal(await invoke({ ClientContext: "e30" }), "none");
  assert.equal(await invoke({ ClientContext: "!!!" }), "400 InvalidRequestContentException");
  assert.equal(await invoke({ InvocationType: "Sometimes" as "Event" }), "400 ValidationException");
  assert.equal(await invoke({ Payload: Buffer.alloc(6_291_457, 0x20) }), "413 RequestTooLargeException");
  assert.equal(await invoke({ InvocationType: "Event", Payload: Buffer.alloc(1_048_577, 0x20) }), "413 RequestTooLargeException");
  const create = (more: Partial<sdk.CreateFunctionCommandInput>) => refusal(client.send(made("broken", more)));
  const cut = simple.subarray(0, simple.length - 8);
  for (const ZipFile of [Buffer.from("text"), cut, zipOf("../out.js", "")])
    assert.equal(await create({ Code: { ZipFile } }), "400 InvalidParameterValueException");
  assert.equal(await create({ Code: { S3Bucket: "a", S3Key: "b" } }), "400 InvalidParameterValueException");
  assert.equal(await create({ FunctionName: "a.b" }), "400 ValidationException");
  assert.equal(await create({ MemorySize: 64 }), "400 ValidationException");
  assert.equal(await create({ Timeout: 901 }), "400 ValidationException");
  assert.equal(await create({ Environment: { Variables: { AWS_REGION: "x" } } }), "400 InvalidParameterValueException");
  assert.equal(
    await create({ Layers: ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"] }),
    "400 InvalidParameterValueException",
  );
  assert.equal(await create({}), "none", "nothing of all that was made");
});

test("a limit that is met is told with its reason", async () => {
  const limits = `${platform.url}/kiln/v1/namespaces/other/limits`;
  await put(limits, { callsPerMinute: 0 });
  const other = lambdaClient(platform, await pairOf(platform, "other"));
  await other.send(made("busy"));
  const refused = await other.send(new sdk.InvokeCommand({ FunctionName: "busy" })).catch((error: unknown) => error);
  assert.ok(refused instanceof sdk.TooManyRequestsException);
  assert.deepEqual([refused.$metadata.httpStatusCode, refused.Reason], [429, "FunctionInvocationRateLimitExceeded"]);
  assert.ok(Number(refused.retryAfterSeconds) >= 1);
  await put(limits, { callsPerMinute: null });
});

test("of deploys at the same time each is whole, one creates, and none of those that name a revision is lost", async () => {
  const created = await Promise.all([1, 2, 3].map(() => refusal(client.send(made("raced")))));
  assert.deepEqual(created.toSorted(), ["409 ResourceConflictException", "409 ResourceConflictException", "none"]);
  const updates = [1, 2, 3, 4].map((n) =>
    client.send(new sdk.UpdateFunctionCodeCommand({ FunctionName: "raced", ZipFile: numbered(n), Publish: true })),
  );
  const published = (await Promise.all(updates)).map(({ Version, CodeSize }) => `${Version} ${CodeSize}`);
  assert.equal(new Set(published).size, 4, "each published its own");
  const { RevisionId } = await client.send(new sdk.GetFunctionConfigurationCommand({ FunctionName: "raced" }));
  const guarded = [5, 6].map((Timeout) =>
    refusal(client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "raced", Timeout, RevisionId }))),
  );
  assert.deepEqual((await Promise.all(guarded)).toSorted(), ["412 PreconditionFailedException", "none"]);
});

test("functions of apps, and those that other doors made, are there; what is made here is there for the others", async () => {
  await platform.deploy({ name: "ours", app: "shop", file: ["index.js", "module.exports = (event) => `hello ${event.name}`;"] });
  const invoked = await client.send(new sdk.InvokeCommand({ FunctionName: "shop.ours", Payload: Buffer.from('{"name":"you"}') }));
  assert.equal(text(invoked.Payload), '"hello you"');
  const names: (string | undefined)[] = [];
  for await (const { Functions = [] } of sdk.paginateListFunctions({ client, pageSize: 2 }, {}))
    names.push(...Functions.map((fn) => fn.FunctionName));
  assert.ok(names.includes("shop.ours") && names.includes("private"), String(names));
  assert.equal(new Set(names).size, names.length);
  const ours = await call(`${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/private/invoke`, { a: 1 });
  assert.deepEqual(ours.json, { a: 1 });
  await client.send(
    new sdk.TagResourceCommand({ Resource: "arn:aws:lambda:us-east-1:000000000000:function:private", Tags: { a: "b" } }),
  );
  await client.send(new sdk.PublishVersionCommand({ FunctionName: "private", Description: "first" }));
  const notes = (await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/private/notes`)).json;
  assert.partialDeepStrictEqual(notes, {
    tags: { a: "b" },
    versions: [{ version: 1, revision: 1, description: "first", provisioned: 0 }],
    aliases: [{ name: "live", version: null, other: null, provisioned: 0 }],
  });
});

test("code is fetched by the link that GetFunction gives, and by no other", async () => {
  await client.send(made("fetched"));
  const { Code } = await client.send(new sdk.GetFunctionCommand({ FunctionName: "fetched" }));
  const link = String(Code?.Location);
  const fetched = await fetch(link);
  assert.deepEqual(Buffer.from(await fetched.arrayBuffer()), simple);
  assert.equal(fetched.headers.get("content-type"), "application/zip");
  for (const other of [
    link.replace(/Expires=\d+/, "Expires=9999999999"),
    link.replace(/code\/\w/, "code/0"),
    link.split("&", 1)[0] as string,
  ])
    assert.equal((await fetch(other)).status, 403, other);
});

test("code that brings its runtime is called like any other", async () => {
  const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  head=$(mktemp)
  event=$(curl -sS -D "$head" "$api/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$head" | tr -d '[:space:]' | cut -d: -f2)
  arn=$(grep -Fi Lambda-Runtime-Invoked-Function-Arn "$head" | tr -d '[:space:]' | cut -d: -f2-)
  curl -sS -X POST "$api/$id/response" -d "{\\"got\\":$event,\\"arn\\":\\"$arn\\"}" > /dev/null
done
`;
  const ZipFile = makeZip([{ name: "bootstrap", data: bootstrap, mode: 0o100755 }]);
  await client.send(made("script", { Runtime: "provided.al2023", Handler: "any", Code: { ZipFile }, Timeout: 30 }));
  const { Payload } = await client.send(new sdk.InvokeCommand({ FunctionName: "script", Payload: Buffer.from("[1]") }));
  assert.deepEqual(JSON.parse(String(text(Payload))), { got: [1], arn: "arn:aws:lambda:us-east-1:000000000000:function:script" });
});

test("code is told its name and the version that was called, in any runtime and app, and at the end of an event's way", async () => {
  const node = `exports.handler = async (event, context) => ({
    version: [process.env.AWS_LAMBDA_FUNCTION_VERSION, context.functionVersion],
    name: [process.env.AWS_LAMBDA_FUNCTION_NAME, context.functionName],
    arn: context.invokedFunctionArn,
    stream: context.logStreamName.slice(10),
  });`;
  const python = `import os
def handler(event, context):
    return {
        "version": [os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.function_version],
        "name": [os.environ["AWS_LAMBDA_FUNCTION_NAME"], context.function_name],
        "arn": context.invoked_function_arn,
        "stream": context.log_stream_name[10:],
    }
`;
  const kinds = {
    "told-node": { Code: { ZipFile: zipOf("index.js", node) } },
    "told-python": { Runtime: "python3.11", Handler: "app.handler", Code: { ZipFile: zipOf("app.py", python) } },
  } as const;
  for (const [name, more] of Object.entries(kinds)) {
    await client.send(made(name, { ...more, Publish: true, Timeout: 30 }));
    await client.send(new sdk.CreateAliasCommand({ FunctionName: name, Name: "live", FunctionVersion: "1" }));
    for (const [qualifier, version] of [
      [undefined, "$LATEST"],
      ["1", "1"],
      ["live", "1"],
      ["$LATEST", "$LATEST"],
    ] as const) {
      const { Payload, ExecutedVersion } = await client.send(new sdk.InvokeCommand({ FunctionName: name, Qualifier: qualifier }));
      const told = JSON.parse(String(text(Payload)));
      assert.match(told.stream, new RegExp(`^/\\[${version.replace("$", "\\$")}\\][0-9a-f]{32}$`));
      assert.deepEqual(
        [ExecutedVersion, told.version, told.name, told.arn],
        [version, [version, version], [name, name], qualifier === undefined ? arn(name) : `${arn(name)}:${qualifier}`],
      );
    }
    const event = { FunctionName: name, Qualifier: "live", InvocationType: "Event" } as const;
    const { $metadata } = await client.send(new sdk.InvokeCommand(event));
    const home = `${platform.url}/kiln/v1/namespaces/guest/activations/${$metadata.requestId}/result`;
    const result = await until(async () => {
      const { status, json } = await send("GET", home);
      return status === 200 ? json : undefined;
    });
    assert.deepEqual(JSON.parse(String(result["body"])).version, ["1", "1"]);
  }
  const settings = { handler: "index.handler", convention: "lambda" };
  const { invokeUrl } = await platform.deploy({ name: "told", app: "shop", file: ["index.js", node], settings });
  const { Payload } = await client.send(new sdk.InvokeCommand({ FunctionName: "shop.told" }));
  const ours = await call(invokeUrl, {});
  for (const told of [JSON.parse(String(text(Payload))), ours.json])
    assert.deepEqual([told.name, told.arn], [["shop.told", "shop.told"], arn("shop.told")]);
});

test("what tools send with every function is taken and shown; how it prints is what its code is told", async () => {
  const says = `exports.handler = async () => {
    console.log("printed");
    return [process.env.AWS_LAMBDA_LOG_FORMAT, process.env.AWS_LAMBDA_LOG_LEVEL, process.env.OWN];
  };`;
  const sent = {
    Environment: { Variables: { OWN: "mine" } },
    LoggingConfig: { LogFormat: "JSON", ApplicationLogLevel: "DEBUG", SystemLogLevel: "WARN", LogGroup: "/own/group" },
    TracingConfig: { Mode: "Active" },
    Architectures: ["x86_64"],
    PackageType: "Zip",
  } as const;
  const nothing = {
    EphemeralStorage: { Size: 512 },
    SnapStart: { ApplyOn: "None" },
    DeadLetterConfig: { TargetArn: "" },
    VpcConfig: { SubnetIds: [], SecurityGroupIds: [] },
    FileSystemConfigs: [],
    Layers: [],
    KMSKeyArn: "",
  } as const;
  const created = await client.send(
    made("tools", {
      Code: { ZipFile: zipOf("index.js", says) },
      ...sent,
      ...nothing,
    } as unknown as sdk.CreateFunctionCommandInput),
  );
  assert.partialDeepStrictEqual(created, sent);
  const fn = { FunctionName: "tools" };
  const told = async () => {
    const { Payload, LogResult } = await client.send(new sdk.InvokeCommand({ ...fn, LogType: "Tail" }));
    const line = Buffer.from(String(LogResult), "base64").toString().split("\n")[1] ?? "";
    return [JSON.parse(String(text(Payload))), line.startsWith("{")];
  };
  assert.deepEqual(await told(), [["JSON", "DEBUG", "mine"], true]);
  const change = (more: Partial<sdk.UpdateFunctionConfigurationCommandInput>) =>
    client.send(new sdk.UpdateFunctionConfigurationCommand({ ...fn, ...more }));
  await change({ Environment: { Variables: { OWN: "other" } } });
  assert.deepEqual((await told())[0], ["JSON", "DEBUG", "other"], "one change leaves the other");
  const text2 = await change({ LoggingConfig: { LogFormat: "Text" } });
  assert.deepEqual(
    [text2.LoggingConfig, text2.Environment?.Variables],
    [{ LogFormat: "Text", LogGroup: "/aws/lambda/tools" }, { OWN: "other" }],
  );
  assert.deepEqual(await told(), [[null, null, "other"], false]);
  for (const wrong of [
    { LoggingConfig: { LogFormat: "Text", ApplicationLogLevel: "DEBUG" } },
    { EphemeralStorage: { Size: 1024 } },
  ] as const)
    assert.equal(await refusal(change(wrong)), "400 InvalidParameterValueException");
  assert.equal(await refusal(change({ LoggingConfig: { LogFormat: "XML" as "JSON" } })), "400 ValidationException");
});

test("an event that was given up goes to the function of the dead letter configuration as it was, and to the destination told about", async () => {
  for (const name of ["letters", "outcomes"]) await client.send(made(name));
  const failing = { Code: { ZipFile: zipOf("index.js", 'exports.handler = async () => { throw new Error("never"); };') } };
  const DeadLetterConfig = { TargetArn: arn("letters") };
  const created = await client.send(made("failing", { ...failing, DeadLetterConfig }));
  assert.deepEqual(created.DeadLetterConfig, DeadLetterConfig);
  const fn = { FunctionName: "failing" };
  const DestinationConfig = { OnFailure: { Destination: arn("outcomes") } };
  await client.send(new sdk.PutFunctionEventInvokeConfigCommand({ ...fn, MaximumRetryAttempts: 0, DestinationConfig }));
  const Payload = Buffer.from('{"n":1.50}');
  await client.send(new sdk.InvokeCommand({ ...fn, InvocationType: "Event", Payload }));
  assert.equal(await sentTo("letters"), '{"n":1.5}');
  assert.partialDeepStrictEqual(JSON.parse(await sentTo("outcomes")), { status: "dead_lettered", error: { message: "never" } });
  const update = (TargetArn: string) =>
    client.send(new sdk.UpdateFunctionConfigurationCommand({ ...fn, DeadLetterConfig: { TargetArn } }));
  assert.equal(await refusal(update("arn:aws:sqs:us-east-1:000000000000:queue")), "400 InvalidParameterValueException");
  assert.equal((await update("")).DeadLetterConfig, undefined);
});

test("the first piece of a streamed answer is there before the function ends", async () => {
  const waits = `exports.handler = awslambda.streamifyResponse(async (event, out) => {
    out.write("first ");
    await new Promise((resolve) => setTimeout(resolve, 4000));
    out.end(String(Date.now()));
  });`;
  await client.send(made("waiting", { Code: { ZipFile: zipOf("index.js", waits) }, Timeout: 60 }));
  const { EventStream } = await client.send(new sdk.InvokeWithResponseStreamCommand({ FunctionName: "waiting" }));
  const pieces: [at: number, text: string][] = [];
  for await (const { PayloadChunk } of EventStream ?? []) {
    if (PayloadChunk?.Payload !== undefined) pieces.push([Date.now(), String(text(PayloadChunk.Payload))]);
  }
  assert.deepEqual([pieces.length, pieces[0]?.[1]], [2, "first "]);
  assert.ok((pieces[0]?.[0] ?? 0) < Number(pieces[1]?.[1]), String(pieces));
});

test("whoever goes away from a streamed answer ends no call", async () => {
  const long = `exports.handler = awslambda.streamifyResponse(async (event, out) => {
    for (let n = 0; n < 40; n++) {
      out.write("x".repeat(100_000));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    out.end();
  });`;
  await client.send(made("left", { Code: { ZipFile: zipOf("index.js", long) }, Timeout: 60 }));
  const gone = new AbortController();
  const { EventStream } = await client.send(new sdk.InvokeWithResponseStreamCommand({ FunctionName: "left" }), {
    abortSignal: gone.signal,
  });
  for await (const _ of EventStream ?? []) break;
  gone.abort();
  const found = await until(async () => {
    const { json } = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations?app=_&function=left`);
    return (json["items"] as { readonly status: string; readonly responseBytes: number }[])[0];
  });
  assert.deepEqual([found.status, found.responseBytes], ["success", 4_000_000]);
});

test("a permission of a URL says which kind it is for", async () => {
  await client.send(made("allowed"));
  const said = { FunctionName: "allowed", StatementId: "url", Action: "lambda:InvokeFunctionUrl", Principal: "*" };
  const { Statement } = await client.send(new sdk.AddPermissionCommand({ ...said, FunctionUrlAuthType: "NONE" }));
  const { Condition } = JSON.parse(Statement ?? "") as { Condition: unknown };
  assert.deepEqual(Condition, { StringEquals: { "lambda:FunctionUrlAuthType": "NONE" } });
});

test("an answer of the wrong size or that never comes is the function's error; 200 calls at once have none", async () => {
  const says = `exports.handler = async ({ what }) => {
    if (what === "long") return "x".repeat(7_000_000);
    if (what === "never") return await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (what === "exit") process.exit(3);
    return what;
  };`;
  await client.send(made("faulty", { Code: { ZipFile: zipOf("index.js", says) }, Timeout: 2 }));
  const invoked = async (what: string) => {
    const { FunctionError, Payload } = await client.send(
      new sdk.InvokeCommand({ FunctionName: "faulty", Payload: Buffer.from(JSON.stringify({ what })) }),
    );
    return { FunctionError, ...(JSON.parse(String(text(Payload))) as { errorType: string; errorMessage: string }) };
  };
  assert.equal((await invoked("long")).errorType, "Function.ResponseSizeTooLarge");
  const late = await invoked("never");
  assert.deepEqual([late.FunctionError, late.errorType], ["Unhandled", "Sandbox.Timedout"]);
  assert.match(late.errorMessage, /Task timed out after 2.00 seconds/);
  assert.equal((await invoked("exit")).errorType, "Runtime.ExitError");
  const many = lambdaClient(platform, pair);
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) =>
      many.send(new sdk.InvokeCommand({ FunctionName: "private", Payload: Buffer.from(String(n)) })),
    ),
  );
  assert.deepEqual(
    answers.map(({ Payload }) => Number(text(Payload))),
    Array.from({ length: 200 }, (_, n) => n),
  );
});

test("for development anybody may ask over loopback, however it is signed, where that was set", async () => {
  const open = await startPlatform({
    flags: ["--lambda-signatures", "any", "--lambda-account", "123456789012", "--lambda-region", "eu-west-1"],
  });
  try {
    const anybody = lambdaClient(open, { accessKeyId: "test", secretAccessKey: "test" }, { region: "eu-central-1" });
    const { FunctionArn } = await anybody.send(made("mine"));
    assert.equal(FunctionArn, "arn:aws:lambda:eu-west-1:123456789012:function:mine");
    const { Payload } = await anybody.send(new sdk.InvokeCommand({ FunctionName: "mine", Payload: Buffer.from("7") }));
    assert.equal(text(Payload), "7");
    const home = await send("GET", `${open.url}/kiln/v1/namespaces/guest/apps/_/functions/mine`);
    assert.equal(home.status, 200, "it is the first namespace's");
    const page = await send("POST", `${open.url}/2015-03-31/functions/mine/invocations`, "{}", {
      origin: "http://elsewhere.example",
    });
    assert.equal(page.status, 403, "a page of another site gets nowhere");
  } finally {
    assert.equal(await open.stop(), 0);
  }
});

test("after a crash pairs, versions and aliases are as they were, and no call is lost that was answered 202", async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-lambda-"));
  const first = await startPlatform({ data });
  const own = await pairOf(first);
  const earlier = lambdaClient(first, own);
  await earlier.send(made("kept", { Code: { ZipFile: numbered(1) }, Publish: true }));
  await earlier.send(new sdk.CreateAliasCommand({ FunctionName: "kept", Name: "live", FunctionVersion: "1" }));
  await earlier.send(new sdk.UpdateFunctionCodeCommand({ FunctionName: "kept", ZipFile: numbered(2) }));
  const event = new sdk.InvokeCommand({ FunctionName: "kept", InvocationType: "Event" });
  const accepted = await Promise.all(Array.from({ length: 20 }, () => earlier.send(event)));
  await first.crash();
  const second = await startPlatform({ data });
  try {
    const later = lambdaClient(second, own);
    const { Payload, ExecutedVersion } = await later.send(new sdk.InvokeCommand({ FunctionName: "kept", Qualifier: "live" }));
    assert.deepEqual([text(Payload), ExecutedVersion], ["1", "1"]);
    for (const { $metadata } of accepted) {
      const record = `${second.url}/kiln/v1/namespaces/guest/activations/${$metadata.requestId}`;
      await until(async () => (await send("GET", record)).json["status"] === "success" || undefined);
    }
  } finally {
    assert.equal(await second.stop(), 0);
    rmSync(data, { recursive: true, force: true });
  }
});

function arn(name: string): string {
  return `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
}

/** What the first call of a function was sent, which it answers. */
async function sentTo(name: string): Promise<string> {
  const home = `${platform.url}/kiln/v1/namespaces/guest/activations`;
  return await until(async () => {
    const { json } = await send("GET", `${home}?app=_&function=${name}`);
    const [found] = json["items"] as { readonly id: string; readonly status: string }[];
    if (found?.status !== "success") return undefined;
    return String((await send("GET", `${home}/${found.id}/result`)).json["body"]);
  });
}
