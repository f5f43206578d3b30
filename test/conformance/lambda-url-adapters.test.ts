/** Web frameworks behind function URLs, by the adapters that their users have on AWS, unmodified. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeZip } from "../archives.ts";
import { functionSource, goModuleBuild, npmKit, pipKit } from "../kits.ts";
import { urlPlace } from "../lambda-urls.ts";
import { pack } from "../pack.ts";
import { askUrl, openUrl } from "../url-client.ts";

const go = await goModuleBuild(functionSource("lambda-url-go"));

const place = urlPlace();

const asked = {
  method: "POST",
  headers: { "content-type": "application/json", "x-asked": "yes", cookie: "c=3" },
  body: '{"ü":1}',
};

/** What each of them is to answer to it. */
async function check(url: string): Promise<void> {
  const { status, headers, text } = await askUrl(`${url}a%20b/c?q=1&q=2`, asked);
  assert.deepEqual([status, headers["x-own"], headers["set-cookie"]], [207, "yes", ["a=1", "b=2"]], text);
  assert.match(text, /^POST \/a(?:%20| )b\/c\?q=1(?:&q=|%2C|,)2 "?\{\\?"ü\\?":1\}"? /);
}

/** The first piece is there before the last one was written. */
async function checkStream(url: string): Promise<void> {
  const answer = await openUrl(`${url}x?wait=1`);
  const came: [number, string][] = [];
  for await (const piece of answer) came.push([Date.now(), String(piece)]);
  assert.match(came[0]?.[1] ?? "", /^GET /);
  assert.ok((came[0]?.[0] ?? 0) < Number(came.at(-1)?.[1].trim().split(" ").at(-1)), String(came));
}

const skip = "missing" in go ? go.missing : false;

test("net/http by aws-lambda-go's lambdaurl", { skip }, async () => {
  const data = "program" in go ? readFileSync(go.program) : Buffer.alloc(0);
  const ZipFile = makeZip([{ name: "bootstrap", data, mode: 0o100755 }]);
  const settings = { Runtime: "provided.al2023", Handler: "bootstrap", Code: { ZipFile } } as const;
  const url = await place.owner.made("go", settings, { InvokeMode: "RESPONSE_STREAM" });
  await check(url);
  await checkStream(url);
});

test("Hono by hono/aws-lambda, whole and streamed", async () => {
  const archive = await pack(
    { folder: functionSource("lambda-url-hono") },
    { folder: await npmKit(["hono@4.13.19"]), entries: ["node_modules"] },
  );
  const made = async (handler: string, InvokeMode: "BUFFERED" | "RESPONSE_STREAM") => {
    const settings = { kind: "nodejs:24", convention: "lambda", handler: `index.${handler}` };
    await place.platform.deploy({ name: handler, app: "hono", archive, settings });
    return await place.owner.opened(`hono.${handler}`, { InvokeMode });
  };
  await check(await made("whole", "BUFFERED"));
  const streamed = await made("streamed", "RESPONSE_STREAM");
  await check(streamed);
  await checkStream(streamed);
});

test("an ASGI application by Mangum", async () => {
  const archive = await pack({ folder: functionSource("lambda-url-mangum") }, { folder: await pipKit(["mangum==0.22.0"]) });
  const settings = { kind: "python:3.11", convention: "lambda", handler: "app.handler" };
  await place.platform.deploy({ name: "mangum", app: "asgi", archive, settings });
  await check(await place.owner.opened("asgi.mangum"));
});
