/** Handlers written for AWS Lambda on our runtime for Python, beside AWS's own runtime client with the same files and events: the answers are the same text. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { PlatformError } from "../../src/model/error.ts";
import { idToUuid } from "../../src/model/id.ts";
import { python } from "../kits.ts";
import { awsRuntimeClient, PlainLambda, type PlainOutcome } from "../plain-lambda.ts";
import { call, type Code, type Runtime, start } from "./runtimes.ts";

const main = join(import.meta.dirname, "../../runtimes/python/main.py");
const plain: Runtime = { name: "python", command: [python, main] };
const cell: Runtime = { ...plain, name: "python cell", isCell: true };

const id = "01JD0000000000000000000001";
const requestId = idToUuid(id);
const version = execFileSync(python, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], { encoding: "utf8" }).trim();
// Fetched once, which may take longer than a test.
const packages = await awsRuntimeClient();
const env = { AWS_EXECUTION_ENV: `AWS_Lambda_python${version}` };

interface LambdaCase {
  readonly code: string | Code;
  readonly handler?: string;
  /** Texts of events, one call each. */
  readonly events?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** What the last answer has in it, besides being the same. */
  readonly has?: RegExp;
}

const cases: Readonly<Record<string, LambdaCase>> = {
  "JSON of every kind": {
    code: `import decimal
def handler(event, context):
    return {"event": event, "é": [1, 1.5, True, None, (1, "ü")], "d": decimal.Decimal("1.10"), "b": b"x", 2: 3}`,
    events: ['{"a":[1,"ö",{"b":null}]}', "[]", '"text"', "12", "null"],
    has: /"d": 1\.10/,
  },
  "what is not a number": {
    code: `import decimal
def handler(event, context):
    return [float("nan"), float("inf"), decimal.Decimal("NaN"), decimal.Decimal("-0")]`,
    has: /^\[NaN, Infinity, NaN, -0\]$/,
  },
  nothing: { code: "def handler(event, context): pass", has: /^null$/ },
  bytes: { code: "def handler(event, context): return b'raw'", has: /^raw$/ },
  "a module in a folder": {
    code: {
      "pkg/__init__.py": "",
      "pkg/app.py": "from . import other\ndef run(event, context): return other.value",
      "pkg/other.py": "value = 7",
    },
    handler: "pkg/app.run",
    has: /^7$/,
  },
  "what the context says": {
    code: `def handler(event, context):
    said = {name: value for name, value in vars(context).items() if isinstance(value, (str, type(None))) and not name.startswith("_")}
    client = context.client_context
    return [said, client.custom, client.env, client.client.app_title, client.client.installation_id,
        context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id, 0 < context.get_remaining_time_in_millis() <= 60000,
        repr(client), repr(context.identity)]`,
    headers: {
      "lambda-runtime-client-context": '{"custom":{"a":"b"},"env":{"c":"d"},"client":{"app_title":"t"}}',
      "lambda-runtime-cognito-identity": '{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}',
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-north-1:111122223333:function:hello:live",
      "lambda-runtime-aws-tenant-id": "t1",
    },
    has: /"function_name": "hello".*function:hello:live/,
  },
  "what the context says where nobody says anything": {
    code: `def handler(event, context):
    return [context.client_context, repr(context.identity), context.tenant_id, context.invoked_function_arn, context.memory_limit_in_mb]`,
    has: /function:hello", "128"\]$/,
  },
  "the trace in the environment": {
    code: "import os\ndef handler(event, context): return os.environ.get('_X_AMZN_TRACE_ID')",
    headers: { "lambda-runtime-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1" },
    has: /Sampled=1/,
  },
  "an exception": {
    code: `class Own(Exception):
    pass
def deep(event):
    raise Own("bad: %s" % event["n"])
def handler(event, context):
    deep(event)`,
    events: ['{"n":"ö"}', '{"n":2}', "{}"],
    has: /"errorType": "KeyError".*line 6, in handler/s,
  },
  "a client context that is no JSON": {
    code: "def handler(event, context): return 1",
    headers: { "lambda-runtime-client-context": "{" },
    has: /Runtime\.LambdaContextUnmarshalError/,
  },
  "an event that is no JSON": { code: "def handler(event, context): return 1", events: ["nope"], has: /Runtime\.UnmarshalError/ },
  "a result that is no JSON": { code: "def handler(event, context): return {'a': object()}", has: /Runtime\.MarshalError/ },
  "a result that is in itself": {
    code: "def handler(event, context):\n    a = []\n    a.append(a)\n    return a",
    has: /Circular.*Runtime\.MarshalError/,
  },
  "no such function": { code: "def other(event, context): pass", has: /Runtime\.HandlerNotFound/ },
  "no such module": { code: "", handler: "nowhere.handler", has: /Runtime\.ImportModuleError/ },
  "a module that imports what is not there": { code: "import nowhere", has: /Runtime\.ImportModuleError/ },
  "a name without a function": { code: "", handler: "app", has: /Runtime\.MalformedHandlerName/ },
  "a module of Python's own": { code: "", handler: "sys.handler", has: /Runtime\.BuiltInModuleConflict/ },
  "wrong syntax": { code: "def handler(event, context)\n    pass", has: /line 1.*Runtime\.UserCodeSyntaxError/s },
  "an exception while it is loaded": {
    code: "def load():\n    return {}['x']\nload()",
    has: /"errorType": "KeyError".*in <module>/s,
  },
};

for (const [name, given] of Object.entries(cases)) {
  test(name, { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "lambda-"));
    try {
      const [theirs, ...ours] = await Promise.all([
        outcomesOfTheirs(folder, given),
        outcomesOfOurs(plain, given),
        outcomesOfOurs(cell, given),
      ]);
      for (const [index, outcomes] of ours.entries()) assert.deepEqual(outcomes, theirs, [plain, cell][index]?.name);
      if (given.has !== undefined) assert.match(theirs.at(-1)?.text ?? "", given.has);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

const filesOf = (code: string | Code): Code => (typeof code === "string" ? { "app.py": code } : code);

async function outcomesOfTheirs(folder: string, given: LambdaCase): Promise<PlainOutcome[]> {
  for (const [path, text] of Object.entries(filesOf(given.code))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const told = {
    ...env,
    AWS_LAMBDA_FUNCTION_NAME: "hello",
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
  };
  const logs = { AWS_LAMBDA_LOG_GROUP_NAME: "/aws/lambda/hello", AWS_LAMBDA_LOG_STREAM_NAME: "stream" };
  const client = await PlainLambda.start(folder, given.handler ?? "app.handler", packages, { ...told, ...logs });
  try {
    const outcomes: PlainOutcome[] = [];
    for (const text of given.events ?? ["{}"]) {
      const { kind, text: said } = await client.invoke({ text, requestId, headers: given.headers ?? {} });
      outcomes.push({ kind, text: said.replaceAll(folder, "/code") });
      if (kind === "init error") break;
    }
    return outcomes;
  } finally {
    await client.stop();
  }
}

async function outcomesOfOurs(runtime: Runtime, given: LambdaCase): Promise<PlainOutcome[]> {
  const options = {
    convention: "lambda",
    handler: given.handler ?? "app.handler",
    env: { ...env, AWS_LAMBDA_LOG_STREAM_NAME: "stream" },
  } as const;
  try {
    const running = await start(runtime, filesOf(given.code), options);
    try {
      const outcomes: PlainOutcome[] = [];
      for (const event of given.events ?? ["{}"]) {
        const headers = Object.entries(given.headers ?? {}).flat();
        const outcome = await call(running, event, { callId: id, deadlineAt: Date.now() + 60_000, headers }).then(
          ({ text }) => ({ kind: "response", text }) as const,
          (error: unknown) => ({ kind: "error", text: bodyOf(error) }) as const,
        );
        outcomes.push({ ...outcome, text: outcome.text.replaceAll(running.folder, "/code") });
      }
      return outcomes;
    } finally {
      await running.stop();
    }
  } catch (error) {
    return [{ kind: "init error", text: bodyOf(error).replaceAll(/\/[^"]*\/code\b/g, "/code") }];
  }
}

function bodyOf(error: unknown): string {
  if (!(error instanceof PlatformError)) throw error;
  return String(error.details["body"] ?? error.message);
}
