/**
 * The square: a function that one door makes is listed, changed, called and removed by every other, and what one does the others see at once, in an app and
 * in the null app. A door is a row of `doors`.
 */
import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-lambda";
import { after, before, describe, test } from "node:test";
import { parseId } from "../../src/model/id.ts";
import { until } from "../assembled-invocation.ts";
import { type Answer, call, put, send } from "../client.ts";
import { type ImageRegistry, startImageRegistry } from "../image-registry.ts";
import { baseLayer, httpStream, ImageShelf, nodeAndShell, noWay } from "../image-ways.ts";
import { lambdaClient, pairOf, role, zipOf } from "../lambda.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { putAction, whisk, type WhiskActivation } from "../whisk.ts";

/** Where a function is. App null: in none. */
interface Place {
  readonly app: string | null;
  readonly name: string;
}

/** What a call came to: the word that the function is set to; null: there is no such function. */
interface Called {
  readonly word: unknown;
  readonly activationId: string;
}

/** A way to functions. Each function of these tests answers with the variable WORD of its environment. */
interface Door {
  readonly title: string;
  /** Why it makes no function in such an app here; false: it does. */
  cannotCreate(app: string | null): string | false;
  create(place: Place, word: string): Promise<void>;
  /** Sets another word, by name. */
  update(place: Place, word: string): Promise<void>;
  /** Names of the functions of an app; null: it has no list of these. */
  list(app: string | null): Promise<readonly string[] | null>;
  /** The word as it is shown; null: there is no such function. */
  shown(place: Place): Promise<unknown>;
  invoke(place: Place): Promise<Called | null>;
  /** Whether it shows the record of a call, and that as a success. */
  hasRecord(place: Place, activationId: string): Promise<boolean>;
  remove(place: Place): Promise<void>;
}

let platform: Platform;
let registry: ImageRegistry | undefined;
let image = "";
let lambda: sdk.LambdaClient;

/** The body of a success; undefined: there is nothing (404). */
function found(answer: Answer): Readonly<Record<string, unknown>> | undefined {
  if (answer.status === 404) return undefined;
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}

const jsonType = { "content-type": "application/json" };
const namesOf = (items: unknown) => (items as readonly { readonly name: string }[]).map(({ name }) => name);

async function calledAt(url: string): Promise<Called | null> {
  const answer = await call(url, {});
  const body = found(answer);
  return body === undefined ? null : { word: body["word"], activationId: answer.activationId };
}

const functionsUrl = (app: string | null) => `${platform.url}/kiln/v1/namespaces/guest/apps/${app ?? "_"}/functions`;
const functionUrl = ({ app, name }: Place) => `${functionsUrl(app)}/${name}`;

const ours: Door = {
  title: "ours",
  cannotCreate: () => false,
  async create({ app, name }, word) {
    const file = ["index.js", "exports.handler = () => ({ word: process.env.WORD });"] as const;
    await platform.deploy({ app: app ?? "_", name, file, settings: { config: { WORD: word } } });
  },
  async update(place, word) {
    await put(functionUrl(place), { config: { WORD: word } });
  },
  list: async (app) => namesOf((await send("GET", `${functionsUrl(app)}?limit=100`)).json["items"]),
  shown: async (place) => (found(await send("GET", functionUrl(place)))?.["config"] as Record<string, unknown>)?.["WORD"] ?? null,
  invoke: (place) => calledAt(`${functionUrl(place)}/invoke`),
  async hasRecord(_place, id) {
    const record = found(await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}`));
    return record?.["status"] === "success";
  },
  async remove(place) {
    assert.equal((await send("DELETE", functionUrl(place))).status, 204);
  },
};

const fnItems = async (path: string, parameters: Readonly<Record<string, string>>) => {
  const answer = await send("GET", `${platform.url}/v2/${path}?${new URLSearchParams(parameters)}`);
  return (found(answer)?.["items"] ?? []) as readonly { readonly id: string; readonly name: string }[];
};
const fnAppId = async (name: string) => (await fnItems("apps", { name }))[0]?.id;
const fnId = async ({ app, name }: Place) => {
  // One in no app is in no list, but has its id as any.
  if (app === null) return found(await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/${name}`))?.["id"];
  return (await fnItems("fns", { app_id: (await fnAppId(app)) ?? "", name }))[0]?.id;
};
const fnUrl = async (place: Place) => `${platform.url}/v2/fns/${await fnId(place)}`;
const fnPosted = async (path: string, body: object) => {
  const answer = await call(`${platform.url}/v2/${path}`, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json["id"];
};

/** Functions are found by their app's id and their name, and are made in apps alone. */
const fns: Door = {
  title: "Fn's",
  cannotCreate: (app) => (app === null ? "its functions are in apps" : noWay("unpacked")),
  async create({ app, name }, word) {
    const app_id = (await fnAppId(app as string)) ?? (await fnPosted("apps", { name: app }));
    await fnPosted("fns", { app_id, name, image, config: { WORD: word } });
  },
  async update(place, word) {
    const answer = await send("PUT", await fnUrl(place), JSON.stringify({ config: { WORD: word } }), jsonType);
    assert.equal(answer.status, 200, answer.text);
  },
  list: async (app) =>
    app === null ? null : namesOf(await fnItems("fns", { app_id: (await fnAppId(app)) ?? "", per_page: "100" })),
  shown: async (place) => (found(await send("GET", await fnUrl(place)))?.["config"] as Record<string, unknown>)?.["WORD"] ?? null,
  invoke: async (place) => calledAt(`${platform.url}/invoke/${await fnId(place)}`),
  async hasRecord(place, id) {
    return found(await send("GET", `${await fnUrl(place)}/calls/${id}`))?.["status"] === "success";
  },
  async remove(place) {
    assert.equal((await send("DELETE", await fnUrl(place))).status, 204);
  },
};

interface Action {
  readonly name: string;
  readonly namespace: string;
  readonly parameters: readonly { readonly key: string; readonly value: unknown; readonly init?: boolean }[];
}
const actionName = ({ app, name }: Place) => (app === null ? name : `${app}/${name}`);
const environment = (word: string) => ({ parameters: [{ key: "WORD", value: word, init: true }] });

const openWhisks: Door = {
  title: "OpenWhisk's",
  cannotCreate: () => false,
  async create(place, word) {
    if (place.app !== null) await whisk(platform, "PUT", `packages/${place.app}?overwrite=true`, {});
    const code = "function main() { return { word: process.env.WORD }; }";
    await putAction(platform, actionName(place), {
      exec: { kind: "nodejs:default", code },
      ...environment(word),
    });
  },
  update: (place, word) => putAction(platform, actionName(place), environment(word)),
  async list(app) {
    const { body } = await whisk<readonly Action[]>(platform, "GET", `actions${app === null ? "" : `/${app}/`}?limit=200`);
    return namesOf(body.filter(({ namespace }) => namespace === (app === null ? "guest" : `guest/${app}`)));
  },
  async shown(place) {
    const { status, body } = await whisk<Action>(platform, "GET", `actions/${actionName(place)}`);
    return status === 404 ? null : body.parameters.find(({ key, init }) => key === "WORD" && init === true)?.value;
  },
  async invoke(place) {
    const { status, body } = await whisk<WhiskActivation>(platform, "POST", `actions/${actionName(place)}?blocking=true`, {});
    if (status === 404) return null;
    assert.equal(status, 200, JSON.stringify(body));
    return { word: (body.response.result as Record<string, unknown>)["word"], activationId: parseId(body.activationId) ?? "" };
  },
  async hasRecord(_place, id) {
    const { body } = await whisk<readonly WhiskActivation[]>(platform, "GET", "activations?limit=200&docs=true");
    return body.some(({ activationId, response }) => parseId(activationId) === id && response.success);
  },
  async remove(place) {
    assert.equal((await whisk(platform, "DELETE", `actions/${actionName(place)}`)).status, 200);
  },
};

/** Of null where there is no such function. */
async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof sdk.ResourceNotFoundException) return null;
    throw error;
  }
}

const lambdaName = ({ app, name }: Place) => ({ FunctionName: app === null ? name : `${app}.${name}` });
const variables = (word: string) => ({ Environment: { Variables: { WORD: word } } });

const lambdas: Door = {
  title: "Lambda's",
  cannotCreate: (app) => (app === null ? false : "its functions are in no app"),
  async create(place, word) {
    const code = { ZipFile: zipOf("index.js", "exports.handler = async () => ({ word: process.env.WORD });") };
    const runtime = { Runtime: "nodejs24.x", Handler: "index.handler", Role: role } as const;
    await lambda.send(new sdk.CreateFunctionCommand({ ...lambdaName(place), ...runtime, ...variables(word), Code: code }));
  },
  async update(place, word) {
    await lambda.send(new sdk.UpdateFunctionConfigurationCommand({ ...lambdaName(place), ...variables(word) }));
    // What runs an image is made ready behind the answer.
    await sdk.waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 60 }, lambdaName(place));
  },
  async list(app) {
    const { Functions: all = [] } = await lambda.send(new sdk.ListFunctionsCommand({ MaxItems: 50 }));
    const prefix = app === null ? "" : `${app}.`;
    return all.flatMap(({ FunctionName: name = "" }) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
  },
  async shown(place) {
    const answer = await unlessMissing(lambda.send(new sdk.GetFunctionConfigurationCommand(lambdaName(place))));
    return answer?.Environment?.Variables?.["WORD"] ?? null;
  },
  async invoke(place) {
    const answer = await unlessMissing(lambda.send(new sdk.InvokeCommand(lambdaName(place))));
    if (answer === null) return null;
    const { word } = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as { word: unknown };
    return { word, activationId: parseId(answer.$metadata.requestId ?? "") ?? "" };
  },
  // It shows none.
  hasRecord: async () => true,
  async remove(place) {
    await lambda.send(new sdk.DeleteFunctionCommand(lambdaName(place)));
  },
};

const doors: readonly Door[] = [ours, fns, openWhisks, lambdas];

/** All doors see the function, as it was set, and what one calls is a record of all. */
async function seen(place: Place, word: string, by: string): Promise<void> {
  for (const door of doors) {
    const where = `${by}, seen by ${door.title}: ${place.name}`;
    assert.equal(await door.shown(place), word, where);
    assert.notEqual((await door.list(place.app))?.includes(place.name), false, where);
    const called = await door.invoke(place);
    assert.equal(called?.word, word, where);
    for (const other of doors) {
      const recorded = async () => ((await other.hasRecord(place, called?.activationId ?? "")) ? true : undefined);
      assert.ok(await until(recorded), `called by ${door.title}, record of ${other.title}`);
    }
  }
}

async function unseen(place: Place, by: string): Promise<void> {
  for (const door of doors) {
    const where = `removed by ${by}, seen by ${door.title}`;
    assert.equal(await door.shown(place), null, where);
    assert.notEqual((await door.list(place.app))?.includes(place.name), true, where);
    assert.equal(await door.invoke(place), null, where);
  }
}

describe("one world", { timeout: 300_000 }, () => {
  before(async () => {
    platform = await startPlatform();
    lambda = lambdaClient(platform, await pairOf(platform));
    if (noWay("unpacked") !== false) return;
    registry = await startImageRegistry();
    const program = httpStream(
      'response.setHeader("content-type", "application/json").end(JSON.stringify({ word: process.env.WORD }));',
    );
    image = await new ImageShelf(registry, baseLayer(nodeAndShell)).node("square", program);
  });
  after(async () => {
    lambda?.destroy();
    await platform?.stop();
    await registry?.stop();
  });

  for (const [index, maker] of doors.entries()) {
    for (const app of ["square", null]) {
      const where = app === null ? "the null app" : "an app";
      const skip = maker.cannotCreate(app);
      test(`what is made by ${maker.title} door in ${where} is every other's, too`, { skip }, async () => {
        const place = { app, name: `by-${index}` };
        await maker.create(place, "made");
        await seen(place, "made", `made by ${maker.title}`);
        for (const door of doors) {
          await door.update(place, `by ${door.title}`);
          await seen(place, `by ${door.title}`, `changed by ${door.title}`);
        }
        for (const door of doors) {
          await door.remove(place);
          await unseen(place, door.title);
          // Its name is free again.
          await maker.create(place, "again");
          assert.equal((await door.invoke(place))?.word, "again");
        }
        await maker.remove(place);
      });
    }
  }
});
