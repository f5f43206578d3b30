/** Projects of SAM and of the Serverless Framework, brought here by `polykiln import lambda` and called by AWS's SDK. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import * as sdk from "@aws-sdk/client-lambda";
import { until } from "../assembled-invocation.ts";
import { send } from "../client.ts";
import { importPlace, done, missing, Project } from "./import-project.ts";

const arn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;

const place = importPlace();

async function invoked(FunctionName: string, event: unknown = {}, Qualifier?: string): Promise<unknown> {
  const { Payload, FunctionError } = await place.client.send(
    new sdk.InvokeCommand({ FunctionName, Qualifier, Payload: Buffer.from(JSON.stringify(event)) }),
  );
  const said = Buffer.from(Payload ?? "").toString();
  assert.equal(FunctionError, undefined, said);
  return JSON.parse(said);
}

async function functionNames(): Promise<(string | undefined)[]> {
  const { Functions = [] } = await place.client.send(new sdk.ListFunctionsCommand({}));
  return Functions.map(({ FunctionName }) => FunctionName).toSorted();
}

/** By its path, as names below localhost are not known everywhere. */
async function urlOf(FunctionName: string, Qualifier?: string): Promise<string> {
  const { FunctionUrl } = await place.client.send(new sdk.GetFunctionUrlConfigCommand({ FunctionName, Qualifier }));
  return `${place.platform.url}/lambda-url/${new URL(String(FunctionUrl)).hostname.split(".")[0]}/`;
}

/** What a function answered the clock, at the one time: of calls that somebody waits for no result is kept. */
async function answeredClock(name: string): Promise<unknown> {
  const home = `${place.platform.url}/kiln/v1/namespaces/guest/activations`;
  const body = await until(async () => {
    const { json } = await send("GET", `${home}?limit=100`);
    const calls = (json["items"] as { id: string; function: string }[]).filter((each) => each.function === name);
    const results = await Promise.all(calls.map(({ id }) => send("GET", `${home}/${id}/result`)));
    // A run at three in the morning has an answer to the nightly schedule, too.
    return results.find(({ status, text }) => status === 200 && text.includes("fired"))?.json["body"];
  });
  return JSON.parse(String(body));
}

/** Seconds from now, as schedules have them. */
const soon = () => new Date(Date.now() + 3000).toISOString().slice(0, 19);

describe("a project of SAM", { timeout: 300_000 }, () => {
  let project: Project;
  before(() => {
    project = new Project(place.parent, "sam", place.platform, ["--stack", "sam", "--param", `When=${soon()}`]);
  });

  test("what would be made is told, and is not made", async () => {
    const { code, stdout, stderr } = await project.run("--dry-run");
    assert.equal(code, 1, "one is held back");
    assert.match(stdout, /^\+ layer import-words would be created\n\+ function sam-hello would be created\n/);
    assert.match(
      stderr,
      /missing: template\.yaml:\d+:\d+: sam-Worker: .*Queue \(AWS::SQS::Queue\) is not made here; say what it is with --param Queue=…/,
    );
    assert.match(stderr, /held back: sam-Worker is not deployed/);
    assert.deepEqual(await functionNames(), []);
  });

  test("it is made, but for what lacks something", async () => {
    const told = await project.json();
    assert.deepEqual(done(told), [
      "create layer import-words",
      ...["hello", "Tick", "Spoken", "Inline", "Plain"].map((name) => `create function sam-${name}`),
      "create alias sam-hello:live",
      "create url sam-hello",
      "create url sam-Plain",
      "create schedule sam-Tick-TickOnce",
      "create schedule sam-Tick-TickNightly",
      "create schedule sam-Plain-PlainRule",
    ]);
    assert.deepEqual(told.held, ["sam-Worker"]);
    assert.deepEqual(missing(told), [
      `${project.lineOf("template.yaml", "QUEUE:")} sam-Worker: Environment.Variables.QUEUE: Queue (AWS::SQS::Queue) is not made here`,
      `${project.lineOf("template.yaml", "Message:")} sam-Worker: Message: queues (SQS) do not call functions here`,
    ]);
    assert.deepEqual(await functionNames(), ["sam-Inline", "sam-Plain", "sam-Spoken", "sam-Tick", "sam-hello"]);
  });

  test("AWS's SDK sees what the template says", async () => {
    const { Configuration, Tags } = await place.client.send(new sdk.GetFunctionCommand({ FunctionName: "sam-hello" }));
    const { Runtime, Handler, Description, Timeout, MemorySize, Environment } = Configuration ?? {};
    assert.deepEqual(
      { Runtime, Handler, Description, Timeout, MemorySize, variables: Environment?.Variables, Tags },
      {
        Runtime: "nodejs24.x",
        Handler: "index.handler",
        Description: "greets from Virginia",
        Timeout: 10,
        MemorySize: 256,
        variables: { LEVEL: "debug", GREETING: "hello (debug)", TICK: arn("sam-Tick") },
        Tags: { team: "blue", purpose: "greeting", "polykiln:stack": "sam" },
      },
    );
    const { ReservedConcurrentExecutions } = await place.client.send(
      new sdk.GetFunctionConcurrencyCommand({ FunctionName: "sam-hello" }),
    );
    const events = await place.client.send(new sdk.GetFunctionEventInvokeConfigCommand({ FunctionName: "sam-hello" }));
    assert.deepEqual(
      [ReservedConcurrentExecutions, events.MaximumRetryAttempts, events.DestinationConfig?.OnFailure?.Destination],
      [5, 1, arn("sam-Tick")],
    );
  });

  test("the functions do their work, with their packages and layers", async () => {
    const greeting = { greeting: "hello (debug)", level: "debug", tick: arn("sam-Tick"), isNumber: true };
    const { version: _version, ...said } = (await invoked("sam-hello", {}, "live")) as Record<string, unknown>;
    assert.deepEqual(said, greeting);
    assert.deepEqual(await invoked("sam-Tick", { a: 1 }), { got: { a: 1 } });
    assert.equal(await invoked("sam-Inline"), "debug");
    assert.equal(await invoked("sam-Spoken"), "from a layer");
    assert.deepEqual(await invoked("sam-Plain", [1]), { plain: true, event: [1] });
  });

  test("their URLs answer", async () => {
    const { json, headers } = await send("GET", `${await urlOf("sam-hello", "live")}some/path`, undefined, {
      origin: "https://example.com",
    });
    assert.deepEqual([json["path"], headers.get("access-control-allow-origin")], ["/some/path", "https://example.com"]);
    assert.equal((await send("GET", await urlOf("sam-Plain"))).json["plain"], true);
  });

  test("the clock calls a function with its input", async () => {
    assert.deepEqual(await answeredClock("sam-Tick"), { got: { fired: ["once"] } });
  });

  test("a second import changes nothing and publishes nothing", async () => {
    const told = await project.json();
    assert.deepEqual([told.changed, told.leftovers], [false, []]);
    const { Versions = [] } = await place.client.send(new sdk.ListVersionsByFunctionCommand({ FunctionName: "sam-hello" }));
    const { LayerVersions = [] } = await place.client.send(new sdk.ListLayerVersionsCommand({ LayerName: "import-words" }));
    assert.deepEqual([Versions.map(({ Version }) => Version), LayerVersions.length], [["$LATEST", "1"], 1]);
  });

  test("what changed in the file is changed, and nothing else", async () => {
    project.edit("template.yaml", "Default: hello", "Default: hi");
    project.edit("template.yaml", "MaximumRetryAttempts: 1", "MaximumRetryAttempts: 0");
    project.edit("template.yaml", "cron(0 3 ? * MON-FRI *)", "cron(0 4 ? * MON-FRI *)");
    project.edit("template.yaml", "Tags: { team: blue }", "Tags: { team: green }");
    project.edit("words/words.js", "a", "the");
    const expected = [
      "update layer import-words (content)",
      "update function sam-hello (tags, events, environment.GREETING)",
      "update function sam-Tick (tags)",
      "update function sam-Spoken (layers, tags)",
      "update function sam-Inline (tags)",
      "update alias sam-hello:live (version)",
      "update schedule sam-Tick-TickNightly (time)",
    ];
    assert.deepEqual(done(await project.json("--dry-run")), expected);
    assert.deepEqual(done(await project.json()), expected);
    assert.equal((await project.json()).changed, false);
    const { greeting } = (await invoked("sam-hello", {}, "live")) as { greeting: string };
    assert.deepEqual([greeting, await invoked("sam-Spoken")], ["hi (debug)", "from the layer"]);
  });

  test("with --partial what lacks something is deployed without it, and --param says what only AWS knows", async () => {
    assert.deepEqual(done(await project.json("--partial")), ["create function sam-Worker"]);
    assert.equal(await invoked("sam-Worker"), null);
    const told = await project.json("--partial", "--param", "Queue=orders");
    assert.deepEqual(done(told), ["update function sam-Worker (environment.QUEUE)"]);
    assert.equal(await invoked("sam-Worker"), "orders");
  });

  test("what the file has no more is told, and deleted with --prune; what others made stays", async () => {
    await place.platform.deploy({ name: "other", app: "_", file: ["index.js", "module.exports = () => 1"] });
    project.edit("template.yaml", /\n {2}PlainUrl:[\s\S]*(?=\n {2}Worker:)/, "");
    project.edit("template.yaml", /\n {2}Inline:[\s\S]*(?=\n {2}Plain:)/, "");
    const gone = ["schedule sam-Plain-PlainRule", "url sam-Plain", "function sam-Inline"];
    const told = await project.json("--partial");
    assert.deepEqual(
      told.leftovers.map(({ noun, name }) => `${noun} ${name}`),
      gone,
    );
    const pruned = await project.json("--partial", "--prune");
    assert.deepEqual(
      done(pruned).slice(-3),
      gone.map((each) => `delete ${each}`),
    );
    assert.ok((await functionNames()).includes("other"));
    await assert.rejects(urlOf("sam-Plain"), { name: "ResourceNotFoundException" });
    assert.deepEqual((await project.json("--partial")).leftovers, []);
  });
});

describe("a project of the Serverless Framework", { timeout: 300_000 }, () => {
  let project: Project;
  before(() => {
    project = new Project(place.parent, "serverless", place.platform, ["--param", `when=${soon()}`]);
  });

  test("it is made, but for what lacks something", async () => {
    const told = await project.json();
    assert.deepEqual(done(told), [
      "create layer shop-dev-words",
      "create function shop-dev-hello",
      "create function shop-dev-ticking",
      "create function shop-dev-open",
      "create url shop-dev-hello",
      "create url shop-dev-open",
      "create schedule shop-dev-ticking-tick-schedule-1",
      "create schedule shop-dev-ticking-tick-schedule-2",
    ]);
    assert.deepEqual(told.held, ["shop-dev-orders"]);
    assert.deepEqual(missing(told), [
      `${project.lineOf("serverless.yml", "QUEUE:")} shop-dev-orders: environment.QUEUE: Queue (AWS::SQS::Queue) is not made here`,
      `${project.lineOf("serverless.yml", "- http:")} shop-dev-orders: REST APIs (http) do not call functions here`,
      `${project.lineOf("serverless.yml", "/orders/{id}")} shop-dev-orders: GET /orders/{id}: a function URL has no path parameters`,
      `${project.lineOf("serverless.yml", "- sqs:")} shop-dev-orders: queues (SQS) do not call functions here`,
    ]);
    assert.equal((await project.json()).changed, false, "a second import changes nothing");
  });

  test("the functions do their work, with what the file's variables say", async () => {
    const { environment, files } = (await invoked("shop-dev-hello")) as { environment: Record<string, string>; files: string[] };
    const { STAGE, TABLE, GREETING, ARN, greeting } = environment;
    assert.deepEqual(
      [STAGE, TABLE, GREETING, ARN, greeting],
      ["dev", "orders-dev", "hello, world", arn("shop-dev-ticking"), "hello"],
    );
    assert.deepEqual(files, ["hello.js", "orders.js"], "patterns leave files out");
    assert.deepEqual(await invoked("shop-dev-ticking", 1), { got: 1, words: ["from", "a", "layer"] });
    const { Configuration, Tags } = await place.client.send(new sdk.GetFunctionCommand({ FunctionName: "shop-dev-hello" }));
    assert.deepEqual(
      [Configuration?.Description, Configuration?.Timeout, Configuration?.MemorySize, Tags?.["colour"]],
      ["says hello", 6, 256, "blue"],
    );
  });

  test("its URLs answer, with CORS", async () => {
    const { json, headers } = await send("GET", `${await urlOf("shop-dev-hello")}a/b`, undefined, {
      origin: "https://example.com",
    });
    assert.deepEqual([json["path"], headers.get("access-control-allow-origin")], ["/a/b", "*"]);
    assert.equal((await send("GET", `${await urlOf("shop-dev-open")}open`)).json["route"], "$default");
  });

  test("the clock calls a function", async () => {
    assert.deepEqual(await answeredClock("shop-dev-ticking"), { got: { fired: true }, words: ["from", "a", "layer"] });
  });

  test("another stage is another stack, with its own values", async () => {
    const told = await project.json("--stage", "prod", "--param", "greeting=hey");
    assert.ok(done(told).includes("create function shop-prod-hello"));
    const { environment } = (await invoked("shop-prod-hello")) as { environment: Record<string, string> };
    assert.deepEqual([environment["GREETING"], environment["TABLE"]], ["hey, world", "important-prod"]);
    assert.deepEqual([(await project.json()).changed, (await project.json()).leftovers], [false, []]);
  });
});
