/** Layers through Lambda's door: their operations as AWS's SDK has them, and what functions find in `/opt`. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { makeZip, type ZipEntry } from "../archives.ts";
import { call, put } from "../client.ts";
import { lambdaClient, pairOf, role } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";

const program = 0o100755;
const region = "arn:aws:lambda:us-east-1:000000000000";

const node = (text: string): readonly ZipEntry[] => [{ name: "index.js", data: text }];
const says = (layer: string): readonly ZipEntry[] => [
  { name: "nodejs/node_modules/words/index.js", data: `module.exports = "${layer}";` },
];

const zeros = (bytes: number): readonly ZipEntry[] => [{ name: "zeros", data: Buffer.alloc(bytes) }];

const fails = async (command: Promise<unknown>, name: string, words: RegExp) => {
  const error = await command.then(
    () => assert.fail(`It was to be refused with ${name}`),
    (thrown: unknown) => thrown as Error,
  );
  assert.equal(error.name, name, error.message);
  assert.match(error.message, words);
};

for (const sandbox of ["bubblewrap", "process"]) {
  describe(`layers with ${sandbox}`, { concurrency: false }, () => {
    let platform: Platform;
    let client: sdk.LambdaClient;
    let other: sdk.LambdaClient;

    before(async () => {
      platform = await startPlatform({ flags: sandbox === "process" ? ["--sandbox", "process"] : [] });
      await call(`${platform.url}/kiln/v1/namespaces`, { name: "other" });
      [client, other] = [lambdaClient(platform, await pairOf(platform)), lambdaClient(platform, await pairOf(platform, "other"))];
    });
    after(async () => {
      for (const each of [client, other]) each?.destroy();
      assert.equal(await platform?.stop(), 0);
    });

    const publish = async (LayerName: string, files: readonly ZipEntry[], more: Partial<sdk.PublishLayerVersionRequest> = {}) => {
      const Content = { ZipFile: makeZip(files) };
      return await client.send(new sdk.PublishLayerVersionCommand({ LayerName, Content, ...more }));
    };
    const layer = async (LayerName: string, files: readonly ZipEntry[]) =>
      String((await publish(LayerName, files)).LayerVersionArn);
    const create = async (
      FunctionName: string,
      files: readonly ZipEntry[],
      Layers: string[],
      more: Partial<sdk.CreateFunctionCommandInput> = {},
      by: sdk.LambdaClient = client,
    ) => {
      const Code = { ZipFile: makeZip(files) };
      const settings = { Runtime: "nodejs24.x", Handler: "index.handler", Role: role, Timeout: 20 } as const;
      const made = await by.send(new sdk.CreateFunctionCommand({ FunctionName, Code, Layers, ...settings, ...more }));
      await sdk.waitUntilFunctionActiveV2({ client: by, maxWaitTime: 60 }, { FunctionName });
      return made;
    };
    const invoke = async (FunctionName: string, more: Partial<sdk.InvokeCommandInput> = {}, by = client) => {
      const { Payload, FunctionError } = await by.send(new sdk.InvokeCommand({ FunctionName, ...more }));
      const value: unknown = JSON.parse(Buffer.from(Payload ?? []).toString());
      assert.equal(FunctionError, undefined, JSON.stringify(value));
      return value;
    };

    test("operations: versions are numbered once, listed newest first, found by ARN, and gone with their removal", async () => {
      const first = await publish("numbered", says("one"), {
        Description: "words",
        LicenseInfo: "MIT",
        CompatibleRuntimes: ["nodejs24.x"],
        CompatibleArchitectures: ["x86_64"],
      });
      assert.deepEqual(
        [first.LayerArn, first.LayerVersionArn, first.Version, first.Description, first.LicenseInfo, first.CompatibleRuntimes],
        [`${region}:layer:numbered`, `${region}:layer:numbered:1`, 1, "words", "MIT", ["nodejs24.x"]],
      );
      const archive = makeZip(says("one"));
      assert.equal(first.Content?.CodeSize, archive.length);
      assert.deepEqual(Buffer.from(await (await fetch(String(first.Content?.Location))).arrayBuffer()), archive);
      for (const words of ["two", "three"]) await publish("numbered", says(words));
      await client.send(new sdk.DeleteLayerVersionCommand({ LayerName: "numbered", VersionNumber: 3 }));
      await client.send(new sdk.DeleteLayerVersionCommand({ LayerName: "numbered", VersionNumber: 3 }));
      assert.equal((await publish("numbered", says("four"))).Version, 4);
      const page = await client.send(new sdk.ListLayerVersionsCommand({ LayerName: "numbered", MaxItems: 2 }));
      assert.deepEqual(
        page.LayerVersions?.map(({ Version }) => Version),
        [4, 2],
      );
      const next = { LayerName: "numbered", Marker: page.NextMarker };
      const rest = await client.send(new sdk.ListLayerVersionsCommand(next));
      assert.deepEqual([rest.LayerVersions?.map(({ Version }) => Version), rest.NextMarker], [[1], undefined]);
      const byArn = await client.send(new sdk.GetLayerVersionByArnCommand({ Arn: `${region}:layer:numbered:2` }));
      const byNumber = await client.send(new sdk.GetLayerVersionCommand({ LayerName: "numbered", VersionNumber: 2 }));
      assert.deepEqual([byArn.Version, byArn.Content?.CodeSha256], [2, byNumber.Content?.CodeSha256]);
      await fails(
        client.send(new sdk.GetLayerVersionCommand({ LayerName: "numbered", VersionNumber: 3 })),
        "ResourceNotFoundException",
        /does not exist/,
      );
    });

    test("lists: paged, by runtime and by architecture", async () => {
      await publish("list-a", says("a"), { CompatibleRuntimes: ["python3.11"] });
      await publish("list-b", says("b"), { CompatibleRuntimes: ["nodejs24.x"], CompatibleArchitectures: ["arm64"] });
      await publish("list-b", says("b2"), { CompatibleRuntimes: ["nodejs24.x"], CompatibleArchitectures: ["x86_64"] });
      const names = async (more: Partial<sdk.ListLayersCommandInput>) => {
        const { Layers } = await client.send(new sdk.ListLayersCommand(more));
        return Layers?.filter(({ LayerName }) => LayerName?.startsWith("list-")).map(
          ({ LayerName, LatestMatchingVersion }) => `${LayerName}:${LatestMatchingVersion?.Version}`,
        );
      };
      assert.deepEqual(await names({}), ["list-a:1", "list-b:2"]);
      assert.deepEqual(await names({ CompatibleRuntime: "python3.11" }), ["list-a:1"]);
      assert.deepEqual(await names({ CompatibleRuntime: "nodejs24.x", CompatibleArchitecture: "arm64" }), ["list-b:1"]);
      const { Layers, NextMarker } = await client.send(new sdk.ListLayersCommand({ MaxItems: 1 }));
      assert.equal(Layers?.length, 1);
      assert.ok(NextMarker);
      const more = await client.send(new sdk.ListLayersCommand({ Marker: NextMarker }));
      assert.ok(more.Layers?.every(({ LayerName }) => LayerName !== Layers[0]?.LayerName));
    });

    test("a function finds the files of its layers, the later ones over the earlier, and cannot write to them", async () => {
      const [one, two] = [
        await layer("base", [
          ...says("one"),
          { name: "bin/greet", data: "#!/bin/sh\necho greeted\n", mode: program },
          { name: "only", data: "one" },
        ]),
        await layer("over", [...says("two"), { name: "lib/note", data: "library" }]),
      ];
      const text = `const { execFileSync } = require("node:child_process");
        const { readFileSync, writeFileSync } = require("node:fs");
        const read = (name) => readFileSync(process.env.NODE_PATH.split(":")[1] + "/../../" + name, "utf8");
        exports.handler = async () => {
          let written = "nothing";
          try { writeFileSync("/opt/only", "x"); written = "yes"; } catch (error) { written = error.code; }
          return { words: require("words"), greeted: execFileSync("greet").toString().trim(), only: read("only"), note: read("lib/note"), written };
        };`;
      const made = await create("layered", node(text), [one, two]);
      assert.deepEqual(
        made.Layers?.map(({ Arn }) => Arn),
        [one, two],
      );
      assert.ok((made.Layers?.[0]?.CodeSize ?? 0) > 100);
      const expected = { words: "two", greeted: "greeted", only: "one", note: "library" };
      const { written, ...found } = (await invoke("layered")) as Record<string, string>;
      assert.deepEqual(found, expected);
      if (sandbox !== "process") assert.equal(written, "EROFS");
      await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "layered", Layers: [two, one] }));
      assert.equal(((await invoke("layered")) as typeof expected).words, "one");
      await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "layered", Layers: [] }));
      const gone = await client.send(new sdk.InvokeCommand({ FunctionName: "layered" }));
      assert.equal(gone.FunctionError, "Unhandled");
      assert.match(Buffer.from(gone.Payload ?? []).toString(), /Cannot find module 'words'/);
    });

    test("versions keep the layers they were published with, also once those are removed", async () => {
      const [old, now] = [await layer("kept", says("old")), await layer("kept", says("new"))];
      await create("versioned", node(`exports.handler = async () => require("words");`), [old], { Publish: true });
      await client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "versioned", Layers: [now] }));
      await client.send(new sdk.DeleteLayerVersionCommand({ LayerName: "kept", VersionNumber: 1 }));
      assert.deepEqual([await invoke("versioned", { Qualifier: "1" }), await invoke("versioned")], ["old", "new"]);
      const { Layers } = await client.send(
        new sdk.GetFunctionConfigurationCommand({ FunctionName: "versioned", Qualifier: "1" }),
      );
      assert.deepEqual(
        Layers?.map(({ Arn }) => Arn),
        [old],
      );
      await fails(
        client.send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName: "versioned", Layers: [old] })),
        "InvalidParameterValueException",
        /does not exist/,
      );
    });

    test("each language looks where Lambda's does; import does, too", async () => {
      const esm = await layer("esm", [
        { name: "nodejs/node24/node_modules/@scope/esm/package.json", data: '{"type":"module","exports":"./main.js"}' },
        { name: "nodejs/node24/node_modules/@scope/esm/main.js", data: 'export const words = "imported";' },
      ]);
      const imports = `import { words } from "@scope/esm"; export const handler = async () => words;`;
      await create("imports", [{ name: "index.mjs", data: imports }], [esm]);
      assert.equal(await invoke("imports"), "imported");
      const python = await layer("python", [
        { name: "python/plain.py", data: "words = 'plain'" },
        { name: "python/lib/python3.11/site-packages/deep.py", data: "words = 'deep'" },
      ]);
      const text = "import deep, plain\ndef handler(event, context):\n    return [plain.words, deep.words]\n";
      await create("python", [{ name: "app.py", data: text }], [python], { Runtime: "python3.11", Handler: "app.handler" });
      assert.deepEqual(await invoke("python"), ["plain", "deep"]);
    });

    test("a layer brings the runtime of a function without one; another one wraps what starts it", async () => {
      const bootstrap = `#!/bin/sh
cd "$LAMBDA_TASK_ROOT"
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  id=$(curl -sSi "$api/next" | grep -i '^lambda-runtime-aws-request-id:' | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null -d "\\"$(cat words) by $_HANDLER\\"" "$api/$id/response"
done`;
      const runtime = await layer("runtime", [{ name: "bootstrap", data: bootstrap, mode: program }]);
      await create("layered-runtime", [{ name: "words", data: "said" }], [runtime], {
        Runtime: "provided.al2023",
        Handler: "any",
      });
      assert.equal(await invoke("layered-runtime"), "said by any");
      const wrapper = await layer("wrapper", [
        { name: "wrap", data: '#!/bin/sh\nexport WRAPPED="$0"\nexec "$@"\n', mode: program },
      ]);
      const more = { Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/wrap" } } };
      await create("wrapped", node("exports.handler = async () => process.env.WRAPPED;"), [wrapper], more);
      assert.match(String(await invoke("wrapped")), sandbox === "process" ? /\/wrap$/ : /^\/opt\/wrap$/);
      const lost = { Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: "/opt/lost" } } };
      await create("unwrapped", node("exports.handler = async () => 1;"), [wrapper], lost);
      const answer = await client.send(new sdk.InvokeCommand({ FunctionName: "unwrapped" }));
      assert.equal(answer.FunctionError, "Unhandled");
      assert.match(Buffer.from(answer.Payload ?? []).toString(), /lost: does not exist/);
    });

    test("another namespace has a layer only when it is allowed to, and hears nothing of one that it is not", async () => {
      const arn = await layer("shared", says("shared"));
      const theirs = arn.replace(":layer:", ":layer:guest.");
      const Layers = [theirs];
      const body = node(`exports.handler = async () => require("words");`);
      const permission = { LayerName: "shared", VersionNumber: 1, StatementId: "friends", Action: "lambda:GetLayerVersion" };
      await fails(create("borrower", body, Layers, {}, other), "AccessDeniedException", /guest\.shared:1/);
      const unknown = [theirs.replace("shared", "nothing")];
      await fails(create("borrower", body, unknown, {}, other), "AccessDeniedException", /guest\.nothing:1/);
      const added = await client.send(new sdk.AddLayerVersionPermissionCommand({ ...permission, Principal: "other" }));
      assert.equal(JSON.parse(String(added.Statement)).Principal.AWS, "other");
      await fails(
        client.send(new sdk.AddLayerVersionPermissionCommand({ ...permission, Principal: "*" })),
        "ResourceConflictException",
        /already exists/,
      );
      assert.deepEqual((await create("borrower", body, Layers, {}, other)).Layers?.[0]?.Arn, theirs);
      assert.equal(await invoke("borrower", {}, other), "shared");
      const policy = await client.send(new sdk.GetLayerVersionPolicyCommand({ LayerName: "shared", VersionNumber: 1 }));
      assert.equal(policy.RevisionId, added.RevisionId);
      assert.equal(JSON.parse(String(policy.Policy)).Statement[0].Resource, arn);
      await fails(
        other.send(new sdk.DeleteLayerVersionCommand({ LayerName: theirs.replace(/:1$/, ""), VersionNumber: 1 })),
        "AccessDeniedException",
        /not authorized/,
      );
      const statement = { LayerName: "shared", VersionNumber: 1, StatementId: "friends" };
      await fails(
        client.send(new sdk.RemoveLayerVersionPermissionCommand({ ...statement, RevisionId: "older" })),
        "PreconditionFailedException",
        /RevisionId/,
      );
      await client.send(new sdk.RemoveLayerVersionPermissionCommand(statement));
      await fails(create("borrower-2", body, Layers, {}, other), "AccessDeniedException", /not authorized/);
      assert.equal(await invoke("borrower", {}, other), "shared");
    });

    test("refused: what is no zip, no ARN, not there, twice, too much or too large", async () => {
      const body = node("exports.handler = async () => 1;");
      const refused = (Layers: string[], words: RegExp) =>
        fails(create("refused", body, Layers), "InvalidParameterValueException", words);
      const broken = { LayerName: "broken", Content: { ZipFile: Buffer.from("PK\u0003\u0004 and no more of it at all") } };
      await fails(client.send(new sdk.PublishLayerVersionCommand(broken)), "InvalidParameterValueException", /unzip/);
      await fails(publish("outside", [{ name: "../x", data: "" }]), "InvalidParameterValueException", /\.\.\/x/);
      await fails(publish("a b", says("x")), "ValidationException", /layerName/);
      await refused([`${region}:layer:nothing:1`], /layer:nothing:1 does not exist/);
      await refused([`arn:aws:lambda:eu-west-1:000000000000:layer:nothing:1`], /does not exist/);
      await fails(create("refused", body, ["nothing"]), "ValidationException", /layers/);
      const arns = await Promise.all(["1", "2", "3", "4", "5", "6"].map((number) => layer(`many-${number}`, says(number))));
      await refused(arns, /more than 5 layers/);
      const [twice] = [await layer("many-1", says("again"))];
      await refused([arns[0] as string, twice as string], /Two different versions/);
      await fails(
        client.send(
          new sdk.CreateFunctionCommand({
            FunctionName: "image",
            Role: role,
            PackageType: "Image",
            Code: { ImageUri: "x:y" },
            Layers: arns.slice(0, 1),
          }),
        ),
        "InvalidParameterValueException",
        /PackageType is Image/,
      );
      const many = Array.from({ length: 11 }, (_, at) => ({ name: `extensions/${at}`, data: "", mode: program }));
      await refused([await layer("extended", many)], /at most 10 extensions; its layers have 11/);
    });

    // The same on every driver, and it takes its time.
    if (sandbox === "process") return;

    test("refused: more than Lambda's 250 MB, in one, in several, or with the code", async () => {
      const body = node("exports.handler = async () => 1;");
      await fails(publish("large", zeros(262_144_001)), "InvalidParameterValueException", /must be smaller than 262144000/);
      const halves = [await layer("half-1", zeros(140_000_000)), await layer("half-2", zeros(140_000_000))];
      await fails(
        create("refused", body, halves),
        "InvalidParameterValueException",
        /Layers consume more than the available size of 262144000 bytes/,
      );
      const code = [...body, { name: "zeros", data: Buffer.alloc(130_000_000) }];
      await fails(
        create("refused", code, halves.slice(0, 1)),
        "InvalidParameterValueException",
        /Function code combined with layers/,
      );
    });

    test("after a crash everything is as it was, and our own API keeps the layers of what it changes", async () => {
      const layers = [await layer("first", says("first")), await layer("second", [{ name: "lib/x", data: "x" }])];
      await create("lasting", node(`exports.handler = async () => require("words") + (process.env.MORE ?? "");`), layers);
      assert.equal(await invoke("lasting"), "first");
      await platform.crash();
      client.destroy();
      const { data } = platform;
      platform = await startPlatform({ data });
      client = lambdaClient(platform, await pairOf(platform));
      assert.equal(await invoke("lasting"), "first");
      await put(`${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/lasting`, { config: { MORE: " and more" } });
      assert.equal(await invoke("lasting"), "first and more");
      assert.equal((await publish("first", says("next"))).Version, 2);
      await platform.stop();
      rmSync(data, { recursive: true, force: true });
      platform = await startPlatform();
    });
  });
}
