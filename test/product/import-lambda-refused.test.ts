/** Files of SAM and the Serverless Framework that `polykiln import lambda` cannot bring, or not all of: what it says, and what it leaves alone. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { importPlace, importIn } from "./import-project.ts";

const place = importPlace();

async function configurationOf(FunctionName: string): Promise<sdk.FunctionConfiguration> {
  return await place.client.send(new sdk.GetFunctionConfigurationCommand({ FunctionName }));
}

let number = 0;

/** Lays files into a folder of their own and imports it. */
async function imported(files: Readonly<Record<string, string>>, flags: readonly string[], prepare?: (cwd: string) => void) {
  const cwd = join(place.parent, `wrong-${number++}`, "project");
  mkdirSync(cwd, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  prepare?.(cwd);
  return await importIn(cwd, place.platform, ["--stack", "wrong", ...flags]);
}

const template = (properties: string, more = "") =>
  `Resources:\n  One:\n    Type: AWS::Serverless::Function\n    Properties: ${properties}\n${more}`;
const node = "Runtime: nodejs24.x, Handler: index.handler";
const service = (functions: string, more = "") =>
  `service: wrong\nprovider: { name: aws, runtime: nodejs24.x }\n${more}functions:\n${functions}\n`;

/** Files, what is said, and flags. All of these end before anything is made. */
const refused: Readonly<Record<string, readonly [Readonly<Record<string, string>>, RegExp, ...string[]]>> = {
  "an empty folder": [{}, /There is nothing to import .*\n.*project\n.*It has none of template\.yaml/],
  "a file that is not there": [{}, /It is not there/, "none.yaml"],
  "YAML that is broken": [{ "template.yaml": "Resources:\n  One: {\n" }, /The YAML is broken[^]*template\.yaml:\d+:\d+/],
  "a key twice": [{ "template.yaml": "Resources: {}\nResources: {}\n" }, /Map keys must be unique[^]*template\.yaml:2/],
  "aliases without an end": [
    {
      "template.yaml": `a: &a [x, x]\n${"bcdefghijkl".replaceAll(/./g, (each) => `${each}: &${each} [${`*${String.fromCharCode(each.charCodeAt(0) - 1)},`.repeat(9)}]\n`)}Resources: *l\n`,
    },
    /Excessive alias count/,
  ],
  "another file": [{ "template.yaml": "a: 1\n" }, /neither a template nor a file of the Serverless Framework/],
  "a template without functions": [
    { "template.yaml": "Resources: { A: { Type: AWS::S3::Bucket } }" },
    /The file has no functions/,
  ],
  "a resource without a type": [
    { "template.yaml": "Resources:\n  One: { Properties: {} }\n" },
    /The resource One has no Type[^]*template\.yaml:2:3/,
  ],
  "another provider": [
    { "serverless.yml": "service: x\nprovider: { name: google }\nfunctions: {}\n" },
    /The provider google is none of Lambda's[^]*serverless\.yml:2/,
  ],
  "code that makes a file": [
    { "serverless.ts": "export default {};" },
    /serverless\.ts is made by code, which is not run[^]*serverless print/,
  ],
  "a stage of a template": [{ "template.yaml": template(`{ ${node} }`) }, /--stage is for Serverless files/, "--stage", "prod"],
  "a parameter that there is not": [
    { "template.yaml": `Parameters: { Stage: { Type: String } }\n${template(`{ ${node} }`)}` },
    /no such parameter or resource[^]*did you mean Stage\?/,
    "--param",
    "Stag=x",
  ],
  "a value that is not allowed": [
    {
      "template.yaml": `Parameters: { Stage: { Type: String, AllowedValues: [a, b] } }\n${template(`{ ${node}, Description: !Ref Stage }`)}`,
    },
    /Stage cannot be "c"[^]*it is one of a, b/,
    "--param",
    "Stage=c",
  ],
  "references in a circle": [
    {
      "template.yaml": template(
        `{ ${node}, FunctionName: !Ref Two }`,
        `  Two: { Type: AWS::Serverless::Function, Properties: { ${node}, FunctionName: !Ref One } }\n`,
      ),
    },
    /refers to itself in a circle[^]*Ref (?:One|Two) → /,
  ],
  "variables in a circle": [
    {
      "serverless.yml": service(
        "  one: { handler: a.b, description: '${self:custom.a}' }",
        "custom: { a: '${self:custom.b}', b: '${self:custom.a}' }\n",
      ),
    },
    /refers to itself in a circle[^]*\$\{self:custom\.a\} → \$\{self:custom\.b\} → /,
  ],
  "variables without an end": [
    {
      "serverless.yml": service(
        "  one: { handler: a.b, description: '${self:custom.a}' }",
        `custom:\n${[..."abcdefghijklmnopqrstuvwx"].map((each, i, all) => `  ${each}: "${`\${self:custom.${all[i + 1] ?? "z"}}`.repeat(2)}"\n`).join("")}  z: z\n`,
      ),
    },
    /references never end[^]*More than 500000 were followed/,
  ],
  "two functions of one name": [
    {
      "template.yaml": template(
        `{ ${node}, FunctionName: same }`,
        `  Two: { Type: AWS::Serverless::Function, Properties: { ${node}, FunctionName: same } }\n`,
      ),
    },
    /Two functions are called same/,
  ],
};
for (const [what, [files, said, ...flags]] of Object.entries(refused))
  test(`${what} is refused`, async () => {
    const { code, stderr, stdout } = await imported(files, flags);
    assert.match(stderr, said);
    assert.deepEqual([code, stdout], [2, ""]);
  });

const index = { "index.js": "exports.handler = async () => 1;" };

/** Files, what is missing, and what is done to the folder before. */
const heldBack: Readonly<Record<string, readonly [Readonly<Record<string, string>>, RegExp, ((cwd: string) => void)?]>> = {
  "a handler in no file": [
    { "template.yaml": template("{ Runtime: python3.11, Handler: app.main.handler }"), ...index },
    /template\.yaml:2:3: wrong-One: the handler app\.main\.handler is in no file: the code has no app\/main\.py/,
  ],
  "a runtime that there is not": [
    { "template.yaml": template("{ Runtime: cobol1, Handler: index.handler }"), ...index },
    /wrong-One: The runtime parameter of cobol1 is not supported here\. Those that are: nodejs24\.x/,
  ],
  "settings that are out of bounds": [
    { "template.yaml": template(`{ ${node}, MemorySize: 4 }`), ...index },
    /wrong-One: .*'memorySize'/,
  ],
  "a folder outside of the project": [
    { "template.yaml": template(`{ ${node}, CodeUri: ../outside }`) },
    /template\.yaml:4:\d+: wrong-One: \.\.\/outside is outside of the project; .*--root/,
    (cwd) => mkdirSync(join(cwd, "../outside")),
  ],
  "a folder that is a link to elsewhere": [
    { "template.yaml": template(`{ ${node}, CodeUri: code }`) },
    /code is outside of the project/,
    (cwd) => symlinkSync("/etc", join(cwd, "code")),
  ],
  "a link that leads out": [
    { "template.yaml": template(`{ ${node} }`), ...index },
    /passwd is a link that leads out of the project: It leads to \/etc\/passwd/,
    (cwd) => symlinkSync("/etc/passwd", join(cwd, "passwd")),
  ],
  "a folder that is too large": [
    { "template.yaml": template(`{ ${node} }`), ...index, "large.bin": "" },
    /is too large for a function's code: It has 300 MB/,
    (cwd) => truncateSync(join(cwd, "large.bin"), 300 * 1024 * 1024),
  ],
  "an archive that is too large": [
    { "template.yaml": template(`{ ${node}, CodeUri: code.zip }`), "code.zip": "" },
    /The code is 60\.0 MB as a zip, at most 50 are taken/,
    (cwd) => truncateSync(join(cwd, "code.zip"), 60 * 1024 * 1024),
  ],
  "code in S3": [{ "template.yaml": template(`{ ${node}, CodeUri: s3://bucket/key }`) }, /the code is at s3:\/\/bucket\/key/],
  "code that is to be built": [
    { "template.yaml": template(`{ ${node} }`, "    Metadata: { BuildMethod: esbuild }\n"), "index.ts": "" },
    /the code is built with esbuild, which this does not do; run sam build, and import \.aws-sam\/build/,
  ],
  TypeScript: [
    { "serverless.yml": service("  one: { handler: src/a.handler }"), "src/a.ts": "" },
    /src\/a is TypeScript: it has to be built first/,
  ],
  "an SDK that AWS's runtimes bring along": [
    { "template.yaml": template("{ Runtime: python3.11, Handler: app.handler }"), "app.py": "import boto3\n" },
    /wrong-One: the code imports boto3, which runtimes here do not bring along; name it in requirements\.txt/,
  ],
  "the same in Node": [
    { "template.yaml": template(`{ ${node} }`), "index.js": 'const { S3Client } = require("@aws-sdk/client-s3");' },
    /wrong-One: the code imports @aws-sdk, which .*; name it in package\.json/,
  ],
  "patterns that leave nothing": [
    {
      "serverless.yml": service("  one: { handler: a.handler, package: { individually: true, patterns: ['!**'] } }"),
      "a.js": "",
    },
    /There is nothing to pack: The patterns leave nothing/,
  ],
  "a name that nobody knows": [
    { "template.yaml": template(`{ ${node}, FunctionName: !ImportValue other }`), ...index },
    /The function One is left out, as its name is not known: other is exported by another stack/,
  ],
};
for (const [what, [files, said, prepare]] of Object.entries(heldBack))
  test(`${what} is named, and nothing is made of it`, async () => {
    const { code, stderr, stdout } = await imported(files, [], prepare);
    assert.match(stderr, said);
    assert.equal(stdout, "no changes\n");
    assert.equal(code, 1);
    await assert.rejects(configurationOf("wrong-One"), { name: "ResourceNotFoundException" });
  });

for (const what of ["a runtime that there is not", "settings that are out of bounds", "a link that leads out"])
  test(`${what} is not deployed with --partial either`, async () => {
    const [files, said, prepare] = heldBack[what] as (typeof heldBack)[string];
    const { code, stderr, stdout } = await imported(files, ["--partial"], prepare);
    assert.match(stderr, said);
    assert.deepEqual([code, stdout], [1, "no changes\n"]);
  });

test("what is missing and not needed is left out with --partial: variables, layers and schedules", async () => {
  const events = "Events: { A: { Type: Schedule, Properties: { Schedule: cron(0 9 L-3 * ? *) } } }";
  const layer = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:14";
  const variables = "Environment: { Variables: { AA: !ImportValue a, BB: b } }";
  const files = { "template.yaml": template(`{ ${node}, ${events}, Layers: ["${layer}"], ${variables} }`), ...index };
  const without = await imported(files, []);
  assert.deepEqual([without.code, without.stdout], [1, "no changes\n"]);
  assert.match(without.stderr, /wrong-One: this server has no layer arn:aws:lambda:us-east-1:580247275435:layer/);
  assert.match(without.stderr, /wrong-One: the schedule OneA has no counterpart: the day L-3/);
  const { code, stdout } = await imported(files, ["--partial"]);
  assert.deepEqual([code, stdout], [0, "+ function wrong-One created\n"]);
  assert.deepEqual((await configurationOf("wrong-One")).Environment?.Variables, { BB: "b" });
});

test("a function that somebody else made is left as it is", async () => {
  await place.platform.deploy({ name: "theirs", app: "_", file: ["index.js", "module.exports = () => 1"] });
  const files = { "template.yaml": template(`{ ${node}, FunctionName: theirs }`), ...index };
  const { code, stderr } = await imported(files, []);
  assert.match(stderr, /There is a function theirs already, which no import made[^]*--stack/);
  assert.equal(code, 1);
});

test("a server that is not there is said to be not there", async () => {
  const { code, stderr } = await imported({ "template.yaml": template(`{ ${node} }`), ...index }, [
    "--api-url",
    "http://127.0.0.1:9",
  ]);
  assert.deepEqual([code, /No server answers at http:\/\/127\.0\.0\.1:9/.test(stderr)], [5, true]);
});
