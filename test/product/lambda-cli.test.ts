/** Lambda's door as the `aws` command uses it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "../fn-client.ts";
import { python } from "../kits.ts";
import { role, zipOf } from "../lambda.ts";
import { type Client, type Json, lambdaTour } from "../lambda-tour.ts";
import { type PythonClients, startPythonClients } from "../lambda-python.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "./pk.ts";

let platform: Platform;
let clients: PythonClients;
const folder = mkdtempSync(join(tmpdir(), "kiln-aws-"));

before(async () => {
  platform = await startPlatform();
  clients = await startPythonClients(platform);
});
after(async () => {
  await clients?.close();
  rmSync(folder, { recursive: true, force: true });
  assert.equal(await platform?.stop(), 0);
});

/** `GetFunction` as `get-function`. */
const dashed = (name: string) => name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();

/** Members that are texts, as flags. */
function flags(input: Json): string[] {
  return Object.entries(input).flatMap(([name, value]) => [`--${dashed(name)}`, String(value)]);
}

/** An operation as somebody types it: bytes come from files, the rest is JSON, but for calls, which take none. */
function argumentsFor(operation: string, { Code, Content, ZipFile, Payload, ...input }: Json, answer: string): string[] {
  const zip: Buffer | undefined = Code?.ZipFile ?? Content?.ZipFile ?? ZipFile;
  if (zip !== undefined) writeFileSync(join(folder, "code.zip"), zip);
  if (operation === "Invoke")
    return ["lambda", "invoke", ...flags(input), ...(Payload === undefined ? [] : ["--payload", String(Payload)]), answer];
  return [
    "lambda",
    dashed(operation),
    "--cli-input-json",
    JSON.stringify(input),
    ...(zip === undefined ? [] : ["--zip-file", `fileb://${join(folder, "code.zip")}`]),
  ];
}

const tourist: Client = async (operation, input) => {
  const answer = join(folder, "answer");
  const waiter = operation.startsWith("wait:") ? ["lambda", "wait", operation.slice(5).replaceAll("_", "-")] : null;
  const asked = { arguments: waiter === null ? argumentsFor(operation, input, answer) : [...waiter, ...flags(input)] };
  const { code, out, err } = (await clients.ask(asked)) as { code: number; out: string; err: string };
  const error = /An error occurred \((\w+)\)/.exec(err)?.[1];
  if (error !== undefined) return { error };
  assert.equal(code, 0, `${operation}: ${err}${out}`);
  const output = (out === "" ? {} : JSON.parse(out)) as Json;
  return { output: operation === "Invoke" ? { ...output, Payload: readFileSync(answer, "utf8") } : output };
};

test("every operation", (t) => lambdaTour(t, tourist, false));

test("the command itself, with --endpoint-url and what `polykiln namespace keys aws` prints", async () => {
  const { code, stdout, stderr } = await pk(["namespace", "keys", "aws", "--api-url", platform.url], { cwd: folder });
  assert.equal(code, 0, stderr);
  const env = Object.fromEntries(
    [...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name as string, value as string]),
  );
  assert.equal(env["AWS_ENDPOINT_URL_LAMBDA"], platform.url);
  const options = { home: folder, input: "", cwd: folder, env: { ...clients.environment, AWS_ENDPOINT_URL_LAMBDA: "", ...env } };
  const aws = async (...args: string[]) =>
    await run(python, [join(clients.kit, "bin/aws"), "--endpoint-url", platform.url, "lambda", ...args], options);
  writeFileSync(join(folder, "code.zip"), zipOf("index.js", "exports.handler = async ({ name }) => `hello ${name}`;"));
  const settings = ["--runtime", "nodejs24.x", "--handler", "index.handler", "--role", role, "--zip-file", "fileb://code.zip"];
  const made = await aws("create-function", "--function-name", "typed", ...settings);
  assert.match(made, /"State": "Active"/);
  assert.match(await aws("invoke", "--function-name", "typed", "--payload", '{"name":"you"}', "out.json"), /"StatusCode": 200/);
  assert.equal(readFileSync(join(folder, "out.json"), "utf8"), '"hello you"');
  assert.match(await aws("get-function", "--function-name", "nothing"), /ResourceNotFoundException/);
});
