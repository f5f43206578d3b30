import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "../failure.ts";
import { firstUnknown, Unknown } from "./intrinsics.ts";
import { ServerlessVariables } from "./serverless-variables.ts";
import { VariableFiles } from "./variable-files.ts";

const parent = mkdtempSync(join(tmpdir(), "kiln-variables-"));
const folder = join(parent, "project");
mkdirSync(folder);
writeFileSync(join(folder, "some.yml"), "prod: { size: 3, own: '${self:custom.plain}' }\nlist: [a, b]\n");
writeFileSync(join(folder, "text.txt"), "as it is");
writeFileSync(join(folder, "made.js"), "module.exports = {};");
writeFileSync(join(parent, "outside.yml"), "a: 1\n");
after(() => rmSync(parent, { recursive: true, force: true }));

const raw = {
  provider: { stage: "${opt:stage, 'dev'}" },
  params: { default: { colour: "blue" }, prod: { colour: "red" } },
  custom: {
    plain: "plain",
    number: 7,
    deep: { "${x}": 1, inner: "${self:custom.plain}-${sls:stage}" },
    whole: "${file(some.yml):${sls:stage}}",
    round: "${self:custom.trip}",
    trip: "x-${self:custom.round}",
    self: { itself: "${self:custom.self}" },
  },
};

const variables = new ServerlessVariables({
  file: "serverless.yml",
  raw,
  files: new VariableFiles({ folder, root: folder, cwd: folder }),
  stage: "prod",
  parameters: { who: "Ada" },
  environment: { HOST: "example.com" },
  identity: { account: "123456789012", region: "eu-west-1" },
});

const known: readonly (readonly [given: unknown, expected: unknown])[] = [
  ["no variable", "no variable"],
  ["${self:custom.plain}", "plain"],
  ["${self:custom.number}", 7],
  ["n=${self:custom.number}", "n=7"],
  ["${self:custom.deep.inner}", "plain-prod"],
  ["${self:provider.stage}", "prod"],
  ["${self:custom.none, 'other'}", "other"],
  ["${self:custom.none, env:NONE, self:custom.plain}", "plain"],
  ["${opt:none, ${self:custom.none, 'x, y'}}", "x, y"],
  ["${opt:none, true}", true],
  ["${opt:none, 12}", 12],
  ["${env:HOST}/${opt:who}/${param:who}", "example.com/Ada/Ada"],
  ["${param:colour}", "red"],
  ["${self:custom.whole.size}", 3],
  ["${self:custom.whole}", { size: 3, own: "plain" }],
  ["${file(./some.yml):list.1}", "b"],
  ["${file(text.txt)}", "as it is"],
  ["${file(none.yml):a, 'fallback'}", "fallback"],
  ["${aws:region}-${aws:accountId}", "eu-west-1-123456789012"],
  ["${strToBool(true)}", true],
  ["${AWS::Region} ${Table} ${Table.Arn} ${self:custom.plain}", "${AWS::Region} ${Table} ${Table.Arn} plain"],
  [{ a: ["${opt:who}", 1, null] }, { a: ["Ada", 1, null] }],
];

for (const [given, expected] of known)
  test(`${JSON.stringify(given)} is known`, () => assert.deepEqual(variables.value(given), expected));

const unknown: readonly (readonly [given: unknown, why: RegExp, fix?: RegExp])[] = [
  ["${self:custom.none}", /\$\{self:custom.none\} is nowhere/],
  ["${env:NONE}", /is nowhere/, /NONE=… polykiln import lambda/],
  ["x-${opt:none}", /is nowhere/, /--param none=…/],
  ["${ssm:/path, 'other'}", /known to AWS or to a plugin only/],
  ["${cf:stack.Output}", /known to AWS/],
  ["${file(made.js):a}", /is code, which is not run/],
  ["${file(../outside.yml):a}", /outside of the project/, /--root/],
  ["a ${self:custom.deep} b", /is no text/],
];

for (const [given, why, fix = /^/] of unknown)
  test(`${JSON.stringify(given)} is not known, and says why`, () => {
    const found = firstUnknown(variables.value(given));
    assert.ok(found instanceof Unknown);
    assert.match(found.why, why);
    assert.match(found.fix ?? "", fix);
  });

for (const given of ["${self:custom.round}", "${self:custom.self}"])
  test(`${given} goes in a circle, which is refused`, () =>
    assert.throws(
      () => variables.value(given),
      (error) => error instanceof Failure && /circle/.test(error.message) && /→/.test(String(error.fields.why)),
    ));
