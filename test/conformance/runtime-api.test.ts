/** Real clients of Lambda's Runtime API, unmodified, and a runtime of a few lines of shell: what functions see, and what becomes of their calls. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { makeZip } from "../archives.ts";
import { type Answer, call, linesOf, recordOf } from "../client.ts";
import { cargoBuild, functionSource, goModuleBuild, javaBuild, javaMissing, mavenKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Platform, startPlatform } from "../platform.ts";

const go = await goModuleBuild(functionSource("lambda-go"));
const rust = await cargoBuild(functionSource("lambda-rust"));
const javaGone = await javaMissing();
const java = javaGone === null ? await javaArchive() : Buffer.alloc(0);

interface Client {
  readonly name: string;
  /** Why it cannot be had here. */
  readonly missing?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  archive(): Buffer;
  /** What its error answers say besides the message. */
  readonly errorType: string;
  /** It answers with what is told of the call. */
  readonly tells: boolean;
  /** It answers in pieces where it is asked to; an error in the middle is told by trailers, or as text of the answer. Absent: it does not. */
  readonly streams?: "trailers" | "text";
  /** It takes seconds to start. */
  readonly isSlow?: true;
}

const clients: readonly Client[] = [
  {
    name: "awslambdaric",
    settings: { kind: "python:3.11", protocol: "runtime-api", handler: "lambda_function.lambda_handler" },
    archive: () => makeZip(["lambda_function.py", "requirements.txt"].map((name) => fileOf("lambda-python", name))),
    errorType: "ValueError",
    tells: true,
  },
  {
    name: "aws-lambda-go",
    ...("missing" in go ? { missing: go.missing } : {}),
    settings: { kind: "provided:1", handler: "bootstrap" },
    archive: () => bootstrap("program" in go ? go.program : ""),
    errorType: "errorString",
    tells: true,
    streams: "trailers",
  },
  {
    name: "lambda_runtime",
    ...("missing" in rust ? { missing: rust.missing } : {}),
    settings: { kind: "provided:1", handler: "bootstrap" },
    archive: () => bootstrap("program" in rust ? rust.program : ""),
    errorType: "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>",
    tells: true,
    streams: "text",
  },
  {
    name: "the Java client",
    ...(javaGone === null ? {} : { missing: javaGone }),
    settings: { kind: "java:17", protocol: "runtime-api", handler: "example.Handler" },
    archive: () => java,
    errorType: "java.lang.IllegalStateException",
    tells: true,
    isSlow: true,
  },
  {
    name: "a shell script",
    settings: { kind: "provided:1", handler: "hello.handler" },
    archive: () => makeZip([{ ...fileOf("lambda-sh", "bootstrap"), mode: 0o100755 }]),
    errorType: "Script",
    tells: false,
  },
];

function bootstrap(program: string): Buffer {
  return makeZip([{ name: "bootstrap", data: readFileSync(program), mode: 0o100755 }]);
}

function fileOf(name: string, file: string) {
  return { name: file, data: readFileSync(`${functionSource(name)}/${file}`) };
}

/** The client for Rust begins every stream with one, in pieces of its own. */
const prelude = /^(?:\{"statusCode":200,.*\})?\0*/s;

let platform: Platform;

describe("Lambda's Runtime API", { timeout: 600_000 }, () => {
  before(async () => {
    platform = await startPlatform();
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  for (const client of clients) {
    describe(client.name, { skip: client.missing ?? false }, () => {
      let url: string;

      before(async () => {
        url = await deployed(client, "usual", {});
      });

      test("is told of its call, and stays for the next one", async () => {
        const first = await whenPrepared(() => call(url, { n: 1 }));
        assert.equal(first.status, 200, first.text);
        assert.deepEqual([first.json["n"], first.json["first"]], [1, true]);
        assert.equal((await recordOf(platform.url, first.activationId)).status, "success");
        // A line that is still on its way would be the next call's.
        await linesOf(platform.url, first.activationId, 1);
        const second = await call(url, { n: 2 });
        assert.deepEqual([second.json["n"], second.json["first"]], [2, false]);
        assert.match(String(second.json["id"]), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        assert.notEqual(second.json["id"], first.json["id"]);
        assert.deepEqual(await linesOf(platform.url, second.activationId, 1), ["stdout printed 2"]);
        if (!client.tells)
          return assert.deepEqual([second.json["handler"], second.json["folder"]], ["hello.handler", "/var/task"]);
        const { arn, name, memory, leftMs, stream } = second.json;
        const shown = `${appOf(client)}.usual`;
        const expected = [`arn:aws:lambda:us-east-1:000000000000:function:${shown}`, shown, 256];
        assert.deepEqual([arn, name, Number(memory)], expected);
        assert.ok(Number(leftMs) > 0 && Number(leftMs) <= 20_000, `it has ${leftMs} ms left`);
        assert.match(String(stream), /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
      });

      test("an error is the call's, and it goes on", async () => {
        const failed = await call(url, { n: 3, do: "fail" });
        assert.deepEqual([failed.status, failed.json["code"], failed.json["message"]], [502, "function_failed", "no good"]);
        const { type, body } = failed.json["details"] as Record<string, string>;
        assert.equal(type, client.errorType);
        assert.equal(JSON.parse(body ?? "").errorMessage, "no good");
        const next = await call(url, { n: 4 });
        assert.deepEqual([next.status, next.json["first"]], [200, false]);
      });

      test("one that ends in a call is told with its status, and replaced", async () => {
        const ended = await call(url, { n: 9, do: "exit" });
        assert.deepEqual([ended.status, ended.json["code"]], [502, "function_exited"]);
        assert.deepEqual(ended.json["details"], { exitCode: 9, signal: null });
        const next = await call(url, { n: 5 });
        assert.deepEqual([next.status, next.json["first"]], [200, true]);
      });

      test("many calls, one after the other and ten at a time", async () => {
        for (let n = 0; n < (client.tells ? 1000 : 20); n++) {
          const { status, json } = await call(url, { n });
          assert.deepEqual([status, json["n"]], [200, n]);
        }
        const ten = Array.from({ length: 10 }, (_, n) => n);
        const answers = await Promise.all(ten.map((n) => call(url, { n })));
        assert.deepEqual(
          answers.map(({ json }) => json["n"]),
          ten,
        );
      });

      if (client.streams !== undefined)
        test("a response comes while the function runs, and breaks where it breaks", async () => {
          const streams = await deployed(client, "streams", {});
          const response = await fetch(streams, { method: "POST", body: '{"do":"stream","n":1500}' });
          const reader = (response.body as ReadableStream<Uint8Array>).getReader();
          const pieces: [text: string, at: number][] = [];
          for (let next = await reader.read(); !next.done; next = await reader.read()) {
            const text = Buffer.from(next.value).toString().replace(prelude, "");
            if (text !== "") pieces.push([text, performance.now()]);
          }
          assert.deepEqual(
            pieces.map(([text]) => text),
            ["first", "last"],
          );
          assert.ok((pieces[1]?.[1] ?? 0) - (pieces[0]?.[1] ?? 0) > 500, "the first piece came before the last was made");
          const broken = await fetch(streams, { method: "POST", body: '{"do":"break","n":10}' });
          if (client.streams === "text") {
            assert.match(await broken.text(), /first.*Lambda-Runtime-Function-Error-Type: Runtime\.StreamError/s);
          } else {
            const id = broken.headers.get("kiln-activation-id") ?? "";
            await assert.rejects(broken.text());
            const record = await recordOf(platform.url, id);
            assert.deepEqual([record.status, record.error?.message], ["function_error", "in the middle"]);
          }
          assert.equal((await call(streams, { n: 1 })).json["first"], false, "and it goes on");
        });

      if (!client.tells || client.isSlow) return;

      test("a result that is too long fails its call and no other", async () => {
        const large = await call(url, { n: 7 * 1024 * 1024, do: "large" });
        assert.deepEqual([large.status, large.json["code"]], [502, "function_failed"]);
        assert.match(large.text, /Function\.ResponseSizeTooLarge.*6291556 bytes/s);
        const fits = await call(url, { n: 5_000_000, do: "large" });
        assert.deepEqual([fits.status, fits.text.length], [200, 5_000_002]);
      });

      test("time that is up ends it", async () => {
        const short = await deployed(client, "short", { timeoutMs: 2000 });
        const late = await call(short, { n: 1, waitMs: 60_000 });
        assert.deepEqual([late.status, late.json["code"]], [504, "timeout"]);
        assert.equal((await call(short, { n: 2 })).status, 200);
      });

      test("one that ends before it is ready is why no call comes to it", async () => {
        const failing = await deployed(client, "failing", { config: { FAIL_INIT: "exit" } });
        const { status, json } = await call(failing, { n: 1 });
        assert.deepEqual([status, json["code"]], [502, "function_start_failed"]);
        assert.match(String(json["message"]), /exit code 7/);
      });
    });
  }

  test("what awslambdaric says of code that cannot be loaded", async () => {
    const url = await deployed(clients[0] as Client, "broken", { config: { FAIL_INIT: "raise" } });
    const { status, json } = await call(url, { n: 1 });
    assert.deepEqual([status, json["code"]], [502, "function_failed"]);
    assert.match(String(json["message"]), /cannot start/);
    assert.equal((json["details"] as Record<string, unknown>)["type"], "RuntimeError");
  });

  test("the environment of awslambdaric", async () => {
    const config = { AWS_REGION: "mars-1", LAMBDA_OWN: "mine" };
    const url = await deployed(clients[0] as Client, "environment", { config });
    const { json } = await call(url, { do: "environment" });
    const { AWS_LAMBDA_LOG_STREAM_NAME: _, ...env } = json["env"] as Record<string, string>;
    assert.equal(json["folder"], "/var/task");
    assert.deepEqual(env, {
      _HANDLER: "lambda_function.lambda_handler",
      AWS_LAMBDA_RUNTIME_API: "127.0.0.1:9001",
      AWS_LAMBDA_FUNCTION_NAME: "awslambdaric.environment",
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
      AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/awslambdaric.environment",
      AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
      AWS_REGION: "us-east-1",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_EXECUTION_ENV: "AWS_Lambda_python3.11",
      LAMBDA_TASK_ROOT: "/var/task",
      LAMBDA_RUNTIME_DIR: "/var/runtime",
      LAMBDA_OWN: "mine",
      TZ: ":UTC",
    });
  });

  test("aws-lambda-go ends itself after a panic, and the next call does not meet that", {
    skip: "missing" in go ? go.missing : false,
  }, async () => {
    const url = await deployed(clients[1] as Client, "panics", {});
    const panicked = await call(url, { do: "panic" });
    assert.deepEqual([panicked.json["code"], panicked.json["message"]], ["function_failed", "very bad"]);
    assert.equal((await call(url, { n: 1 })).json["first"], true);
  });
});

async function javaArchive(): Promise<Buffer> {
  const jars = await mavenKit("com.amazonaws:aws-lambda-java-runtime-interface-client:2.9.0");
  const classes = await javaBuild(functionSource("lambda-java"), jars);
  return await pack({ folder: classes }, { folder: jars });
}

/** Scripts that do not do what runtimes should; `$api` leads to the API, `next` takes an event and sets `$id`. */
const start = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
next() {
  curl -sS -D /tmp/head "$api/invocation/next" > /tmp/event
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/head | tr -d '[:space:]' | cut -d: -f2)
}
status() { curl -sS -o /dev/null -w '%{http_code}\n' "$@"; }
`;

interface Misdeed {
  readonly name: string;
  readonly script: string;
  readonly status: number;
  readonly code: string;
  readonly says: RegExp;
}

const misdeeds: readonly Misdeed[] = [
  { name: "never polls", script: "sleep 600", status: 504, code: "start_timeout", says: /did not ask for its first call/ },
  { name: "ends at once", script: "echo bye; exit 0", status: 502, code: "function_start_failed", says: /exit code 0.*bye/ },
  {
    name: "says that it cannot start, and stays",
    script: `curl -sS "$api/init/error" -d '{"errorMessage":"not today","errorType":"Own.Type"}'; sleep 600`,
    status: 502,
    code: "function_failed",
    says: /not today/,
  },
  { name: "takes an event and is silent", script: "next; sleep 600", status: 504, code: "timeout", says: /timeout of 3000 ms/ },
  { name: "takes an event and ends", script: "next; exit 0", status: 502, code: "function_exited", says: /exit code 0/ },
];

describe("runtimes that do not do what they should", { timeout: 300_000 }, () => {
  let hasty: Platform;

  before(async () => {
    hasty = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "3000" } });
  });
  after(async () => {
    assert.equal(await hasty.stop(), 0, hasty.log());
  });

  const scripted = async (name: string, script: string, timeoutMs = 20_000) =>
    (
      await hasty.deploy({
        name,
        file: ["bootstrap", start + script],
        settings: { kind: "provided:1", memoryMiB: 128, timeoutMs },
      })
    ).invokeUrl;

  for (const { name, script, status, code, says } of misdeeds) {
    test(name, async () => {
      const answer = await call(await scripted(name.replaceAll(/\W/g, "-"), script, 3000), {});
      assert.deepEqual([answer.status, answer.json["code"]], [status, code], answer.text);
      assert.match(String(answer.json["message"]), says);
    });
  }

  test("one that ends after each of its answers costs no call", async () => {
    const url = await scripted("ends-after", `next; curl -sS -X POST "$api/invocation/$id/response" -d @/tmp/event; exit 0`);
    for (let n = 0; n < 30; n++) {
      const { status, text } = await call(url, String(n));
      assert.deepEqual([status, text], [200, String(n)]);
    }
    const many = await Promise.all(Array.from({ length: 10 }, (_, n) => call(url, String(n))));
    assert.deepEqual(
      many.map(({ status, text }) => [status, text]),
      many.map((_, n) => [200, String(n)]),
    );
  });

  test("one that answers for others, twice and under invented ids is told so, and each call gets its own answer", async () => {
    const url = await scripted(
      "forges",
      `before=none said=none
while next; do
  said=$(
    status "$api/invocation/00000000-0000-0000-0000-000000000000/response" -d forged
    status "$api/invocation/$before/response" -d stale
    status "$api/invocation/$id/response" -d "$id $said"
    status "$api/invocation/$id/response" -d twice
    status "$api/invocation/$id/error" -d '{}'
    status "$api/init/error" -d '{}'
    status "$api/nothing"
  )
  before=$id
done`,
    );
    const answers: string[] = [];
    for (let n = 0; n < 3; n++) answers.push((await call(url, {})).text);
    const statuses = "400 400 202 400 400 403 404";
    const told = answers.map((text) => text.replaceAll(/\s+/g, " ").trim().split(/ (.*)/));
    assert.deepEqual(
      told.map(([, said]) => said),
      ["none", statuses, statuses],
    );
    assert.equal(new Set(told.map(([id]) => id)).size, 3);
  });
});

/** The first use of a kind builds its root, for which no call waits long enough. */
async function whenPrepared(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status !== 503 || tries === 40) return answer;
    assert.match(answer.text, /still being made ready/);
  }
}

const appOf = ({ name }: Client) => name.replaceAll(/\W/g, "-");

async function deployed(client: Client, name: string, settings: Readonly<Record<string, unknown>>): Promise<string> {
  const shared = { memoryMiB: 256, timeoutMs: 20_000, ...client.settings };
  const app = appOf(client);
  return (await platform.deploy({ name, app, archive: client.archive(), settings: { ...shared, ...settings } })).invokeUrl;
}
