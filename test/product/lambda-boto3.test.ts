/** Lambda's door as boto3 uses it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Client, type Json, lambdaTour, type Outcome } from "../lambda-tour.ts";
import { type PythonClients, startPythonClients } from "../lambda-python.ts";
import { type Platform, startPlatform } from "../platform.ts";

let platform: Platform;
let clients: PythonClients;

before(async () => {
  platform = await startPlatform();
  clients = await startPythonClients(platform);
});
after(async () => {
  await clients?.close();
  assert.equal(await platform?.stop(), 0);
});

const tourist: Client = async (operation, input) => (await clients.ask({ operation, input: written(input) })) as Outcome;

/** Bytes in a way that JSON has for them. */
function written(value: Json): Json {
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      if (Buffer.isBuffer(each)) return [name, { $bytes: each.toString("base64") }];
      const isObject = typeof each === "object" && each !== null && !Array.isArray(each);
      return [name, isObject ? written(each as Json) : each];
    }),
  );
}

test("every operation", (t) => lambdaTour(t, tourist, true));
