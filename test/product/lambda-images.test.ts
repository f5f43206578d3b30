/** Functions of Lambda's package type Image, in both ways in which images run. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { type ImageRegistry, startImageRegistry } from "../image-registry.ts";
import { baseLayer, type ImagePlatform, ImageShelf, nodeAndShell, noWay, startImagePlatform, ways } from "../image-ways.ts";
import { lambdaClient, pairOf, refusal, role } from "../lambda.ts";

/** A runtime of a few lines that says how it was started. */
const runtime = (says: string) => `
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
for (;;) {
  const next = await fetch(api + "next");
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const event = await next.json();
  const { AWS_LAMBDA_FUNCTION_NAME: name, AWS_LAMBDA_FUNCTION_VERSION: version } = process.env;
  const said = { says: "${says}", event, words: process.argv.slice(2), folder: process.cwd(), name, version };
  await (await fetch(api + id + "/response", { method: "POST", body: JSON.stringify(said) })).text();
}
`;

let registry: ImageRegistry;
let first: string;
let second: string;

before(async () => {
  if (ways.every(noWay)) return;
  registry = await startImageRegistry();
  const shelf = new ImageShelf(registry, baseLayer(nodeAndShell));
  const config = { Entrypoint: ["node", "/runtime.mjs"], Cmd: ["app.handler"], WorkingDir: "/var/task" };
  first = await shelf.put("lambda-first", files("first"), config);
  second = await shelf.put("lambda-second", files("second"), config);
});

after(() => registry?.stop());

for (const way of ways) {
  describe(`Lambda's package type Image, images ${way}`, { skip: noWay(way), timeout: 300_000 }, () => {
    const fn = { FunctionName: "boxed" } as const;
    let place: ImagePlatform;
    let client: sdk.LambdaClient;

    before(async () => {
      place = await startImagePlatform(way);
      client = lambdaClient(place.platform, await pairOf(place.platform));
    });
    after(async () => {
      client?.destroy();
      await place?.stop();
    });

    const made = (ImageUri: string, more: Partial<sdk.CreateFunctionCommandInput> = {}) =>
      client.send(
        new sdk.CreateFunctionCommand({
          ...fn,
          PackageType: "Image",
          Code: { ImageUri },
          Role: role,
          Timeout: 30,
          MemorySize: 256,
          ...more,
        }),
      );
    const configured = (ImageConfig: sdk.ImageConfig) =>
      client.send(new sdk.UpdateFunctionConfigurationCommand({ ...fn, ImageConfig }));
    const updated = () => sdk.waitUntilFunctionUpdatedV2({ client, maxWaitTime: 120 }, fn);
    const says = async (Qualifier?: string) => {
      const { Payload, FunctionError } = await client.send(
        new sdk.InvokeCommand({ ...fn, Qualifier, Payload: Buffer.from("7") }),
      );
      const text = Buffer.from(Payload ?? []).toString();
      assert.equal(FunctionError, undefined, text);
      return JSON.parse(text) as Record<string, unknown>;
    };

    test("it is pending while its image comes, and starts as that says", async () => {
      const { State, PackageType, Runtime } = await made(first, { Publish: true });
      assert.deepEqual([State, PackageType, Runtime], ["Pending", "Image", undefined]);
      await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 120 }, fn);
      const asItSays = { says: "first", event: 7, words: ["app.handler"], folder: "/var/task", name: "boxed" };
      assert.deepEqual(await says(), { ...asItSays, version: "$LATEST" });
      assert.deepEqual(await says("1"), { ...asItSays, version: "1" });
      const { Code } = await client.send(new sdk.GetFunctionCommand(fn));
      assert.deepEqual([Code?.RepositoryType, Code?.ImageUri], ["ECR", first]);
    });

    test("ImageConfig stands in place of what the image says, member by member", async () => {
      const asked = { Command: ["own.handler", "more"], WorkingDirectory: "/srv" };
      assert.deepEqual((await configured(asked)).ImageConfigResponse?.ImageConfig, asked);
      await updated();
      assert.partialDeepStrictEqual(await says(), { says: "first", words: asked.Command, folder: "/srv" });
      await configured({ EntryPoint: ["node", "/other.mjs"] });
      await updated();
      assert.partialDeepStrictEqual(await says(), { says: "first other", words: ["app.handler"], folder: "/var/task" });
      assert.partialDeepStrictEqual(await says("1"), { says: "first", words: ["app.handler"], folder: "/var/task" });
      assert.equal(await refusal(configured({ WorkingDirectory: "srv" })), "400 InvalidParameterValueException");
      assert.equal(await refusal(configured({ Command: [7] as unknown as string[] })), "400 InvalidParameterValueException");
    });

    test("another image takes its place when it has come, and one that does not come takes none", async () => {
      await client.send(new sdk.UpdateFunctionCodeCommand({ ...fn, ImageUri: second }));
      await updated();
      assert.equal((await says())["says"], "second other", "its configuration stays");
      await configured({});
      await updated();
      await client.send(new sdk.UpdateFunctionCodeCommand({ ...fn, ImageUri: `${registry.host}/shelf:nothing` }));
      await assert.rejects(updated(), /FAILURE|Failed/);
      const shown = await client.send(new sdk.GetFunctionConfigurationCommand(fn));
      assert.deepEqual([shown.State, shown.LastUpdateStatusReasonCode], ["Active", "ImageAccessDenied"]);
      assert.match(String(shown.LastUpdateStatusReason), /shelf:nothing/);
      assert.equal((await says())["says"], "second");
    });

    test("a function whose image is none fails, and says why", async () => {
      await made(`${registry.host}/shelf:nothing`, { FunctionName: "none" });
      const active = sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 120 }, { FunctionName: "none" });
      await assert.rejects(active, /FAILURE|Failed/);
      const { StateReason, StateReasonCode } = await client.send(
        new sdk.GetFunctionConfigurationCommand({ FunctionName: "none" }),
      );
      assert.equal(StateReasonCode, "ImageAccessDenied");
      assert.match(String(StateReason), /shelf:nothing/);
      assert.equal(await refusal(made("UPPER CASE", { FunctionName: "bad" })), "400 InvalidParameterValueException");
      // Docker looks for the program when it starts it.
      if (way === "docker") return;
      const wrong = { FunctionName: "wrong" };
      await made(first, { ...wrong, ImageConfig: { EntryPoint: ["/no/such/program"] } });
      await assert.rejects(sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 120 }, wrong), /FAILURE|Failed/);
      const { StateReason: why } = await client.send(new sdk.GetFunctionConfigurationCommand(wrong));
      assert.match(String(why), /no\/such\/program/);
    });
  });
}

function files(says: string) {
  return [
    { name: "runtime.mjs", data: runtime(says) },
    { name: "other.mjs", data: runtime(`${says} other`) },
    { name: "var/task/app.txt", data: "app" },
    { name: "srv/app.txt", data: "app" },
  ];
}
