/** Extensions of Lambda in layers: programs by the documented protocol, and AWS's own client for Rust; beside our runtimes and beside one that polls. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { makeZip } from "../archives.ts";
import { linesOf } from "../client.ts";
import { functionSource } from "../kits.ts";
import { lambdaClient, pairOf, role } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";

const executable = 0o100755;
const extension = (name: string) => readFileSync(`${functionSource("lambda-extensions")}/${name}`);

const python = {
  Runtime: "python3.11",
  Handler: "app.handler",
  code: makeZip([
    {
      name: "app.py",
      data: "import os, time\nsandbox = os.urandom(8).hex()\ndef handler(event, context):\n    print('called', event['n'])\n    time.sleep(event.get('sleepS', 0))\n    if event.get('exits'): os._exit(7)\n    if event.get('raises'): raise ValueError('as asked')\n    return {'n': event['n'], 'sandbox': sandbox}\n",
    },
  ]),
} as const;
const nodejs = {
  Runtime: "nodejs24.x",
  Handler: "index.handler",
  code: makeZip([
    {
      name: "index.js",
      data: "exports.handler = async (event) => { console.log('called', event.n); return { n: event.n, sandbox: 1 }; };",
    },
  ]),
} as const;
const shell = {
  Runtime: "provided.al2023",
  Handler: "hello.handler",
  code: makeZip([{ name: "bootstrap", data: readFileSync(`${functionSource("lambda-sh")}/bootstrap`), mode: executable }]),
} as const;

/** The events in the lines of an extension. */
const heard = (all: readonly string[]) =>
  all
    .flatMap((line) => (/ heard (\{.*\})/.exec(line)?.[1] ?? "") || [])
    .map((json) => JSON.parse(json) as Record<string, unknown>);

for (const sandbox of ["bubblewrap", "process"]) {
  describe(`extensions with ${sandbox}`, { timeout: 300_000, concurrency: false }, () => {
    let platform: Platform;
    let client: sdk.LambdaClient;

    before(async () => {
      const flags = sandbox === "process" ? ["--sandbox", "process"] : [];
      platform = await startPlatform({ flags, env: { POLYKILN_START_TIMEOUT_MS: "8000" } });
      client = lambdaClient(platform, await pairOf(platform));
    });
    after(async () => {
      client?.destroy();
      assert.equal(await platform?.stop(), 0, platform?.log());
    });

    const layer = async (...files: readonly (readonly [name: string, data: Buffer])[]) => {
      const entries = files.map(([name, data]) => ({ name: `extensions/${name}`, data, mode: executable }));
      const Content = { ZipFile: makeZip(entries) };
      const LayerName = (files[0]?.[0] ?? "none").replace(/\W/g, "_");
      return String((await client.send(new sdk.PublishLayerVersionCommand({ LayerName, Content }))).LayerVersionArn);
    };
    const create = async (
      FunctionName: string,
      { code, ...runtime }: { readonly Runtime: sdk.Runtime; readonly Handler: string; readonly code: Buffer },
      Layers: string[],
      Variables: Record<string, string> = {},
      Timeout = 10,
    ) => {
      const settings = { Role: role, Timeout, Code: { ZipFile: code }, Layers, Environment: { Variables } };
      await client.send(new sdk.CreateFunctionCommand({ FunctionName, ...runtime, ...settings }));
      await sdk.waitUntilFunctionActiveV2({ client, maxWaitTime: 60 }, { FunctionName });
    };
    const invoke = async (FunctionName: string, event: object) => {
      const Payload = Buffer.from(JSON.stringify(event));
      const answer = await client.send(new sdk.InvokeCommand({ FunctionName, Payload }));
      const value = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as Record<string, unknown>;
      return { value, error: answer.FunctionError, id: String(answer.$metadata.requestId) };
    };
    /** What a call left in the log, once a line of it is as wanted. */
    const lines = async (id: string, wanted: RegExp): Promise<readonly string[]> => {
      const giveUpAt = performance.now() + 5000;
      for (;;) {
        const all = (await linesOf(platform.url, id, 0)).map((line) => line.replace(/^\w+ /, ""));
        if (all.some((line) => wanted.test(line))) return all;
        assert.ok(performance.now() < giveUpAt, `nothing like ${wanted} in:\n${all.join("\n")}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const watched = async (name: string, does: string, timeoutS = 10) =>
      await create(name, python, [await layer(["watcher.py", extension("watcher.py")])], { EXTENSION_DOES: does }, timeoutS);

    test("beside Python: it registers before the function starts, hears of each call, and keeps the sandbox hot", async () => {
      await watched("heard", "slow start");
      const first = await invoke("heard", { n: 1 });
      assert.equal(first.error, undefined, JSON.stringify(first.value));
      const printed = await lines(first.id, /heard/);
      assert.match(
        String(printed[0]),
        /^watcher registered \{"functionName": "heard", "functionVersion": "\$LATEST", "handler": "app.handler"\}/,
      );
      const [event] = heard(printed);
      assert.partialDeepStrictEqual(event, {
        eventType: "INVOKE",
        requestId: first.id,
        invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:heard",
      });
      const deadlineInMs = Number(event?.["deadlineMs"]) - Date.now();
      assert.ok(deadlineInMs > 3000 && deadlineInMs <= 10_000, String(deadlineInMs));
      for (let n = 2; n < 30; n++) {
        const { value, id } = await invoke("heard", { n });
        assert.deepEqual(value, { n, sandbox: first.value["sandbox"] });
        // A line of the call before may come so late that it is found here.
        if (n % 10 === 0) await lines(id, new RegExp(`heard .*"requestId": "${id}"`));
      }
    });

    test("beside Node, with what extensions are told and are not", async () => {
      await create("node", nodejs, [await layer(["watcher.mjs", extension("watcher.mjs")])]);
      const { value, id, error } = await invoke("node", { n: 1 });
      assert.deepEqual([value["n"], error], [1, undefined]);
      const printed = await lines(id, /heard INVOKE/);
      const about = '{"accountId":"000000000000","functionName":"node","functionVersion":"$LATEST","handler":"index.handler"}';
      assert.ok(printed.includes(`node registered ${about} false`), printed.join("\n"));
      assert.ok(printed.includes("called 1") || printed.some((line) => line.endsWith("called 1")), printed.join("\n"));
    });

    test("beside a runtime that polls, two at a time", async () => {
      const both = await layer(["watcher.sh", extension("watcher.sh")], ["again.sh", extension("watcher.sh")]);
      await create("shell", shell, [both]);
      for (let n = 1; n < 4; n++) {
        const { value, id } = await invoke("shell", { n });
        assert.equal(value["n"], n);
        assert.equal(value["id"], id);
        assert.equal(value["first"], n === 1);
        await lines(id, /heard.*INVOKE/);
      }
    });

    test("a wrapper may start a program that polls in place of our runtime", async () => {
      const runtime = `#!/usr/bin/env node
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
for (let first = true; ; first = false) {
  const next = await fetch(api + "next");
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const { n, fails } = await next.json();
  console.log("printed", n);
  const body = JSON.stringify(fails ? { errorType: "Own", errorMessage: "as asked" } : { n, first, id, handler: process.env._HANDLER });
  await (await fetch(api + id + (fails ? "/error" : "/response"), { method: "POST", body })).text();
}
`;
      const entries = [
        { name: "extensions/watcher.mjs", data: extension("watcher.mjs"), mode: executable },
        { name: "other.mjs", data: runtime, mode: executable },
      ];
      const Content = { ZipFile: makeZip(entries) };
      const { LayerVersionArn } = await client.send(new sdk.PublishLayerVersionCommand({ LayerName: "other", Content }));
      await create("other", nodejs, [String(LayerVersionArn)], { AWS_LAMBDA_EXEC_WRAPPER: "/opt/other.mjs" });
      for (let n = 1; n < 4; n++) {
        const { value, id } = await invoke("other", { n });
        assert.deepEqual(value, { n, first: n === 1, id, handler: "index.handler" });
        await lines(id, new RegExp(`heard INVOKE ${id}`));
        await lines(id, new RegExp(`printed ${n}`));
      }
      const failed = await invoke("other", { n: 1, fails: true });
      assert.deepEqual([failed.error, failed.value["errorType"]], ["Unhandled", "Own"]);
    });

    test("the caller has the answer at once; the sandbox takes the next call when the extension is ready, and its lines are kept", async () => {
      await watched("linger", "linger");
      const first = await invoke("linger", { n: 1 });
      const second = await invoke("linger", { n: 2 });
      assert.notEqual(
        second.value["sandbox"],
        first.value["sandbox"],
        "the extension beside the first one has not asked for more",
      );
      await new Promise((resolve) => setTimeout(resolve, 3500));
      const third = await invoke("linger", { n: 3 });
      assert.ok([first.value["sandbox"], second.value["sandbox"]].includes(third.value["sandbox"]), "one of them is used again");
      await lines(first.id, new RegExp(`lingered .*"requestId": "${first.id}"`));
    });

    test("one that goes on for longer than the function may costs the sandbox, not the answer", async () => {
      await watched("over", "linger", 1);
      const first = await invoke("over", { n: 1 });
      assert.equal(first.error, undefined);
      await new Promise((resolve) => setTimeout(resolve, 3500));
      const next = await invoke("over", { n: 2 });
      assert.notEqual(next.value["sandbox"], first.value["sandbox"]);
    });

    test("wrong requests get Lambda's names for what is wrong, and harm nobody", async () => {
      await watched("wrong", "refused");
      const { id, error } = await invoke("wrong", { n: 1 });
      assert.equal(error, undefined);
      const printed = (await lines(id, /heard/)).join("\n");
      for (const [what, type] of [
        ["twice", "Extension.InvalidExtensionState"],
        ["nameless", "Extension.InvalidExtensionName"],
        ["stranger", "Extension.UnknownExtensionIdentifier"],
        ["unnamed", "Extension.MissingExtensionIdentifier"],
        ["event", "Extension.InvalidEventType"],
        ["untyped", "Extension.MissingHeader"],
      ])
        assert.match(printed, new RegExp(`watcher ${what} \\[403, .*"errorType": "${type}"`));
    });

    for (const [does, type, words] of [
      ["crash at start", "Extension.Crash", /watcher\.py ended with exit code 3/],
      ["init error", "Extension.InitError", /watcher\.py said Extension\.NoLicence/],
    ] as const)
      test(`one that fails before it is ready fails the start: ${does}`, async () => {
        const name = does.replaceAll(" ", "-");
        await watched(name, does);
        const { value, error } = await invoke(name, { n: 1 });
        assert.equal(error, "Unhandled");
        assert.equal(value["errorType"], type);
        assert.match(String(value["errorMessage"]), words);
      });

    test("what cannot be started is a LaunchError, and who never registers has no more time than a start", async () => {
      await create("launch", python, [await layer(["broken.sh", Buffer.from("#!/no/such/shell\n")])]);
      const launch = await invoke("launch", { n: 1 });
      assert.equal(launch.value["errorType"], "Extension.LaunchError", JSON.stringify(launch.value));
      await create("silent", python, [await layer(["silent.sh", Buffer.from("#!/bin/sh\nsleep 100\n")])], {}, 1);
      const silent = await invoke("silent", { n: 1 });
      assert.equal(silent.error, "Unhandled");
      assert.match(JSON.stringify(silent.value), /was not ready within|did not ask/);
    });

    for (const [does, type] of [
      ["crash in call", "Extension.Crash"],
      ["exit error", "Extension.ExitError"],
    ] as const)
      test(`one that fails in a call fails that, and the next one has a new sandbox: ${does}`, async () => {
        const name = does.replaceAll(" ", "-");
        await watched(name, does);
        const slow = await invoke(name, { n: 1, sleepS: 1 });
        assert.deepEqual([slow.error, slow.value["errorType"]], ["Unhandled", type]);
        const next = await invoke(name, { n: 2, sleepS: 1 });
        assert.deepEqual([next.error, next.value["errorType"]], ["Unhandled", type]);
        assert.match((await lines(next.id, /heard/)).join("\n"), /watcher registered/);
      });

    test("they are told why their sandbox ends: it is not needed, a call was too slow, the program has ended", async () => {
      await watched("spindown", "");
      // Its log takes lines for a moment after the call.
      const running = invoke("spindown", { n: 1, sleepS: 2 });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "spindown", Description: "another" }));
      const spindown = await running;
      await lines(spindown.id, /left "spindown"/);
      await watched("timeout", "", 1);
      const timeout = await invoke("timeout", { n: 1, sleepS: 30 });
      assert.match(JSON.stringify(timeout.value), /Task timed out/);
      await lines(timeout.id, /left "timeout"/);
      await watched("failure", "");
      const failure = await invoke("failure", { n: 1, exits: true });
      assert.equal(failure.value["errorType"], "Runtime.ExitError", JSON.stringify(failure.value));
      await lines(failure.id, /left "failure"/);
    });

    test("one that hangs at the end is killed after two seconds, and nothing is left of it", async () => {
      const file = `hangs-${process.pid}-${sandbox}.py`;
      await create("hang", python, [await layer([file, extension("watcher.py")])], { EXTENSION_DOES: "hang" });
      const { id } = await invoke("hang", { n: 1 });
      assert.ok(processesOf(file).length > 0);
      const beganAt = performance.now();
      await client.send(new sdk.DeleteFunctionCommand({ FunctionName: "hang" }));
      while (processesOf(file).length > 0) {
        assert.ok(performance.now() - beganAt < 10_000, "it is still there");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.ok(performance.now() - beganAt > 1500, "it had its time");
      assert.match((await linesOf(platform.url, id)).join("\n"), /SHUTDOWN/);
    });

    test("one beside a sandbox that is frozen is woken to hear of its end", {
      skip: sandbox === "process" ? false : "its note is a file of the machine",
    }, async () => {
      const note = join(mkdtempSync(join(tmpdir(), "kiln-extensions-")), "note");
      await create("frozen", python, [await layer(["watcher.py", extension("watcher.py")])], { NOTE: note });
      await invoke("frozen", { n: 1 });
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await client.send(new sdk.DeleteFunctionCommand({ FunctionName: "frozen" }));
      const giveUpAt = performance.now() + 5000;
      while (!existsSync(note) && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(readFileSync(note, "utf8"), "spindown");
      rmSync(dirname(note), { recursive: true });
    });

    test("one within the runtime registers before its first poll", async () => {
      const inner = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
head=$(curl -sSi -H "Lambda-Extension-Name: inner" -d '{"events":["INVOKE"]}' "$api/register")
id=$(echo "$head" | grep -i '^lambda-extension-identifier:' | tr -d '[:space:]' | cut -d: -f2)
( while true; do echo "inner heard $(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next")"; done ) &
. "$LAMBDA_TASK_ROOT/runtime"
`;
      const runtime = readFileSync(`${functionSource("lambda-sh")}/bootstrap`);
      const files = [
        { name: "bootstrap", data: inner, mode: executable },
        { name: "runtime", data: runtime, mode: executable },
      ];
      await create("inner", { ...shell, code: makeZip(files) }, []);
      for (let n = 1; n < 4; n++) {
        const { value, id } = await invoke("inner", { n });
        assert.equal(value["n"], n);
        assert.equal(heard(await lines(id, /inner heard/))[0]?.["requestId"], id);
      }
    });

    for (const by of sandbox === "process" ? [] : ["HTTP", "TCP"])
      test(`telemetry of a start and of calls comes by ${by}`, async () => {
        const name = `telemetry-${by}`;
        await create(name, python, [await layer(["listener.py", extension("listener.py")])], { LISTENS_BY: by });
        const first = await invoke(name, { n: 1 });
        const printed = await lines(first.id, /platform\.report/);
        const types = new Set(printed.map((line) => /^listener ([\w.]+) [{"]/.exec(line)?.[1]));
        for (const type of "initStart initRuntimeDone initReport telemetrySubscription extension start runtimeDone report".split(
          " ",
        ))
          assert.ok(types.has(`platform.${type}`), `${type} is missing in:\n${printed.join("\n")}`);
        const all = printed.join("\n");
        assert.match(all, /listener refused 400 .*types must be a list/);
        assert.match(all, /listener refused 400 .*sandbox\.localdomain/);
        assert.match(all, /listener subscribed 200 OK/);
        assert.match(all, /listener function "called 1"/);
        const done = /listener platform\.runtimeDone (.*)/.exec(all)?.[1] ?? "{}";
        assert.partialDeepStrictEqual(JSON.parse(done), { requestId: first.id, status: "success" });
        const failed = await invoke(name, { n: 2, raises: true });
        const told = (await lines(failed.id, /platform\.report/)).join("\n");
        assert.match(told, new RegExp(`listener platform\\.runtimeDone \\{"requestId": "${failed.id}", "status": "error"`));
      });
  });
}

/** Processes of this machine with this word in their command. */
function processesOf(word: string): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  });
}
