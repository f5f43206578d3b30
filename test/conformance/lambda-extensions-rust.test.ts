/** AWS's client of the Extensions, Telemetry and Logs APIs (crate `lambda-extension`), unmodified. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { makeZip } from "../archives.ts";
import { linesOf } from "../client.ts";
import { cargoBuild, functionSource } from "../kits.ts";
import { lambdaClient, pairOf, role } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";

const built = await cargoBuild(functionSource("lambda-extension-rust"));

describe("an extension by AWS's client for Rust", { skip: "missing" in built ? built.missing : false, timeout: 300_000 }, () => {
  let platform: Platform;
  let client: sdk.LambdaClient;

  before(async () => {
    platform = await startPlatform();
    client = lambdaClient(platform, await pairOf(platform));
  });
  after(async () => {
    client?.destroy();
    assert.equal(await platform?.stop(), 0);
  });

  test("hears of a thousand calls, of what they print, and of how they went", async () => {
    const data = readFileSync("program" in built ? built.program : "");
    const Content = { ZipFile: makeZip([{ name: "extensions/observer", data, mode: 0o100755 }]) };
    const { LayerVersionArn } = await client.send(new sdk.PublishLayerVersionCommand({ LayerName: "observer", Content }));
    const code = "def handler(event, context):\n    print('printed', event['n'])\n    return event\n";
    await client.send(
      new sdk.CreateFunctionCommand({
        FunctionName: "observed",
        Role: role,
        Runtime: "python3.11",
        Handler: "app.handler",
        Timeout: 20,
        Layers: [String(LayerVersionArn)],
        Code: { ZipFile: makeZip([{ name: "app.py", data: code }]) },
      }),
    );
    await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName: "observed" });
    const ids: string[] = [];
    for (let n = 0; n < 1000; n++) {
      const Payload = Buffer.from(JSON.stringify({ n }));
      const answer = await client.send(new sdk.InvokeCommand({ FunctionName: "observed", Payload }));
      assert.deepEqual(JSON.parse(Buffer.from(answer.Payload ?? []).toString()), { n });
      ids.push(String(answer.$metadata.requestId));
    }
    const [first = "", last = ""] = [ids[0], ids.at(-1)];
    const printed: string[] = [];
    // What was printed in the last call may still be on its way.
    for (let tries = 0; tries < 500 && !(await linesOf(platform.url, last)).join().includes(`observer invoke ${last}`); tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const id of ids) printed.push(...(await linesOf(platform.url, id)));
    const all = printed.join("\n");
    for (const id of [first, last, ids[500]])
      assert.match(all, new RegExp(`observer invoke ${id} arn:aws:lambda:us-east-1:000000000000:function:observed`));
    for (const type of ["initStart", "initRuntimeDone", "initReport", "telemetrySubscription", "extension"])
      assert.ok(all.includes(`observer telemetry {"type":"platform.${type}"`), `${type} is missing`);
    assert.match(
      all,
      new RegExp(`observer telemetry \\{"type":"platform.runtimeDone","record":\\{"requestId":"${first}","status":"success"`),
    );
    assert.match(all, new RegExp(`observer log PlatformReport \\{ request_id: "${first}"`));
    assert.match(all, /observer log Function\("printed 0"\)/);
    assert.match(all, /observer telemetry \{"type":"function","record":"printed 0"\}/);
    assert.doesNotMatch(all, /Error serving connection|failed to parse/i);
  });
});
