/** Functions for Lambda's runtimes for Java, as they are uploaded there: without the client, which a layer brings for all of them. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { makeZip, type ZipEntry } from "../archives.ts";
import { functionSource, javaBuild, javaMissing, mavenKit } from "../kits.ts";
import { lambdaClient, pairOf, role } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";

describe("Lambda's runtimes for Java", { skip: (await javaMissing()) ?? false, timeout: 300_000 }, () => {
  let platform: Platform;
  let client: sdk.LambdaClient;
  let classes: Buffer;
  let layer: string;

  before(async () => {
    const jars = await mavenKit("com.amazonaws:aws-lambda-java-runtime-interface-client:2.9.0");
    classes = makeZip(await entriesIn(await javaBuild(functionSource("lambda-java"), jars), ""));
    platform = await startPlatform();
    client = lambdaClient(platform, await pairOf(platform));
    const Content = { ZipFile: makeZip(await entriesIn(jars, "java/lib/")) };
    layer = String((await client.send(new sdk.PublishLayerVersionCommand({ LayerName: "client", Content }))).LayerVersionArn);
  });
  after(async () => {
    client?.destroy();
    assert.equal(await platform?.stop(), 0, platform?.log());
  });

  const invoked = async (FunctionName: string) => {
    const { Payload, FunctionError } = await client.send(
      new sdk.InvokeCommand({ FunctionName, Payload: Buffer.from('{"n": 7}') }),
    );
    return { FunctionError, value: JSON.parse(Buffer.from(Payload ?? []).toString()) as Record<string, unknown> };
  };
  const made = (FunctionName: string, Runtime: sdk.Runtime, Layers: string[]) =>
    client.send(
      new sdk.CreateFunctionCommand({
        FunctionName,
        Runtime,
        Layers,
        Role: role,
        Timeout: 30,
        MemorySize: 512,
        Handler: "example.Handler::handleRequest",
        Code: { ZipFile: classes },
      }),
    );

  for (const runtime of ["java17", "java11"] as const) {
    test(`${runtime}: classes and a method of theirs, with the client in a layer`, async () => {
      assert.equal((await made(runtime, runtime, [layer])).Runtime, runtime);
      const { FunctionError, value } = await invoked(runtime);
      assert.equal(FunctionError, undefined, JSON.stringify(value));
      assert.deepEqual([value["n"], value["name"], value["memory"]], [7, runtime, 512]);
    });
  }

  test("without the client a call says what to add, and where", async () => {
    await made("bare", "java17", []);
    const { FunctionError, value } = await invoked("bare").catch((error: Error) => ({
      FunctionError: error.name,
      value: { errorMessage: error.message },
    }));
    assert.ok(FunctionError, JSON.stringify(value));
    assert.match(String(value["errorMessage"]), /aws-lambda-java-runtime-interface-client .* to a layer, in java\/lib/);
  });

  test("a newer Java than there is is refused with the names of those that there are", async () => {
    await assert.rejects(made("newer", "java25", []), /java25 is not supported here.* java17, java11/);
  });
});

async function entriesIn(folder: string, prefix: string): Promise<ZipEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return await Promise.all(
    files.map(async (file) => ({ name: prefix + file.slice(folder.length + 1), data: await readFile(file) })),
  );
}
