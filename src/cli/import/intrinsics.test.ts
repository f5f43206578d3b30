import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../failure.ts";
import { firstUnknown, LayerId, Unknown } from "./intrinsics.ts";
import { Resources } from "./resources.ts";

const fn = (Properties: object) => ({ Type: "AWS::Serverless::Function", Properties });

const { intrinsics } = new Resources({
  file: "template.yaml",
  stack: "shop",
  identity: { account: "123456789012", region: "eu-west-1" },
  given: { Stage: "prod", "Table.Arn": "arn:aws:dynamodb:::table/t", Bucket: "given" },
  parameters: {
    Stage: { Type: "String", Default: "dev" },
    Size: { Type: "Number", Default: 3 },
    List: { Type: "CommaDelimitedList", Default: "a, b" },
    Nothing: { Type: "String" },
    Secret: { Type: "AWS::SSM::Parameter::Value<String>", Default: "/path" },
  },
  mappings: { Sizes: { prod: { cpu: 2 } } },
  conditions: {
    IsProd: { "Fn::Equals": [{ Ref: "Stage" }, "prod"] },
    IsNot: { "Fn::Not": [{ Condition: "IsProd" }] },
    Both: { "Fn::And": [{ Condition: "IsProd" }, { "Fn::Equals": ["a", "a"] }] },
    Round: { "Fn::Not": [{ Condition: "Round" }] },
    Who: { "Fn::Equals": [{ Ref: "Nothing" }, "x"] },
  },
  resources: {
    Hello: fn({ AutoPublishAlias: "live" }),
    Named: fn({ FunctionName: { "Fn::Sub": "${AWS::StackName}-${Stage}" } }),
    One: fn({ FunctionName: { Ref: "Two" } }),
    Two: fn({ FunctionName: { "Fn::Sub": "x-${One}" } }),
    Table: { Type: "AWS::DynamoDB::Table" },
    Users: { Type: "AWS::DynamoDB::Table", Properties: { TableName: { "Fn::Sub": "users-${Stage}" } } },
    Bucket: { Type: "AWS::S3::Bucket" },
    Words: { Type: "AWS::Serverless::LayerVersion" },
  },
});

const sub = (text: string, own?: object) => ({ "Fn::Sub": own === undefined ? text : [text, own] });

const known: readonly (readonly [given: unknown, expected: unknown])[] = [
  [{ Ref: "Stage" }, "prod"],
  [{ Ref: "Size" }, "3"],
  [{ Ref: "List" }, ["a", "b"]],
  [sub("${AWS::Region}/${AWS::AccountId}/${AWS::Partition}/${!Literal}"), "eu-west-1/123456789012/aws/${Literal}"],
  [sub("${A}-${Stage}", { A: { Ref: "Size" } }), "3-prod"],
  [{ "Fn::Join": ["-", ["a", { Ref: "Stage" }, { Ref: "AWS::NoValue" }]] }, "a-prod"],
  [{ "Fn::FindInMap": ["Sizes", { Ref: "Stage" }, "cpu"] }, 2],
  [{ "Fn::If": ["IsProd", "yes", { Ref: "Nothing" }] }, "yes"],
  [{ "Fn::If": ["IsNot", "yes", "no"] }, "no"],
  [{ "Fn::If": ["Both", "yes", "no"] }, "yes"],
  [{ "Fn::Select": [1, { "Fn::Split": [":", "a:b:c"] }] }, "b"],
  [{ "Fn::Base64": "hi" }, "aGk="],
  [{ a: { Ref: "AWS::NoValue" }, b: 1 }, { b: 1 }],
  [{ Ref: "Hello" }, "shop-Hello"],
  [{ Ref: "Named" }, "shop-prod"],
  [{ "Fn::GetAtt": ["Named", "Arn"] }, "arn:aws:lambda:eu-west-1:123456789012:function:shop-prod"],
  [{ Ref: "Hello.Alias" }, "arn:aws:lambda:eu-west-1:123456789012:function:shop-Hello:live"],
  [{ Ref: "Users" }, "users-prod"],
  [{ Ref: "Bucket" }, "given"],
  [{ "Fn::GetAtt": "Table.Arn" }, "arn:aws:dynamodb:::table/t"],
  [{ Ref: "Words" }, new LayerId("Words")],
];

for (const [given, expected] of known)
  test(`${JSON.stringify(given)} is known`, () => assert.deepEqual(intrinsics.value(given), expected));

const unknown: readonly (readonly [given: unknown, why: RegExp, fix?: RegExp])[] = [
  [{ Ref: "Nothing" }, /parameter Nothing has no value/, /--param Nothing=…/],
  [{ Ref: "Secret" }, /Systems Manager/, /--param Secret/],
  [{ Ref: "Nobody" }, /there is no Nobody/],
  [{ Ref: "Table" }, /Table \(AWS::DynamoDB::Table\) is not made here/, /--param Table=…/],
  [sub("x-${Table.StreamArn}"), /Table.StreamArn/, /--param Table.StreamArn=…/],
  [{ "Fn::Join": ["", ["a", { Ref: "Nothing" }]] }, /Nothing/],
  [{ "Fn::If": ["Who", 1, 2] }, /Nothing/],
  [{ "Fn::ImportValue": "other" }, /exported by another stack/],
  ["{{resolve:secretsmanager:x:SecretString:y}}", /kept by AWS/],
  [sub("a-{{resolve:ssm:/x}}"), /kept by AWS/],
  [{ "Fn::FindInMap": ["Sizes", "none", "cpu"] }, /Mappings has no Sizes.none.cpu/],
  [{ "Fn::GetAZs": "" }, /Fn::GetAZs is not worked out here/],
  [{ deep: [{ Ref: "AWS::StackId" }] }, /known to AWS only/],
];

for (const [given, why, fix = /^/] of unknown)
  test(`${JSON.stringify(given)} is not known, and says why`, () => {
    const found = firstUnknown(intrinsics.value(given));
    assert.ok(found instanceof Unknown);
    assert.match(found.why, why);
    assert.match(found.fix ?? "", fix);
  });

for (const given of [{ Ref: "One" }, { "Fn::If": ["Round", 1, 2] }])
  test(`${JSON.stringify(given)} goes in a circle, which is refused`, () =>
    assert.throws(
      () => intrinsics.value(given),
      (error) => error instanceof Failure && /circle/.test(error.message) && /→/.test(String(error.fields.why)),
    ));
