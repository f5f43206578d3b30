/** The project of test/fixtures/openwhisk/manifest: how wskdeploy brings it to a server, and what is there then. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listingOf } from "../../src/cli/manifest/zip.ts";
import { send } from "../client.ts";
import { run } from "../fn-client.ts";
import { askAgain, exchangesIn } from "../fn-tour.ts";
import type { Platform } from "../platform.ts";
import { wskTour } from "../wsk-tour.ts";

const folder = join(import.meta.dirname, "../fixtures/openwhisk/manifest");
const projectFolder = join(folder, "project");

/** Variables that its files name. */
export const variables = { TEAM: "books", REGION: "north", STAGE: "test" };

/** For `takeTour`, which records it. */
export const wholeTour = wskTour({
  client: process.env["WSKDEPLOY_CLI"] ?? "",
  folder,
  lay: (home) => cpSync(projectFolder, home, { recursive: true }),
  properties: "APIGW_ACCESS_TOKEN=any\n",
  env: variables,
});

/** A copy of the project's files. */
export function layProject(parent: string): string {
  const home = mkdtempSync(join(parent, "whole-"));
  cpSync(projectFolder, home, { recursive: true });
  return home;
}

/** The commands of the tour in turn: by the client where there is one, else by what it sent once. */
export class Wskdeploy {
  readonly #platform: Platform;
  readonly #home = layProject(tmpdir());
  readonly #sections = readFileSync(join(folder, "requests.txt"), "utf8")
    .split(/^# wskdeploy /m)
    .slice(1);

  constructor(platform: Platform) {
    this.#platform = platform;
    wholeTour.furnish?.(this.#home, platform, platform.url);
  }

  async run(command: string): Promise<void> {
    if (wholeTour.client !== "") {
      const printed = await run(wholeTour.client, command.split(" "), {
        home: this.#home,
        input: "",
        cwd: this.#home,
        env: variables,
      });
      assert.doesNotMatch(printed, /\(exit \d+\)/);
      return;
    }
    const normal = await wholeTour.normal(this.#platform, { url: this.#platform.url, home: "" });
    const section = this.#sections.find((each) => each.startsWith(`${command}\n`)) ?? "";
    assert.notEqual(section, "", `${command} is not in the recording`);
    for (const exchanged of exchangesIn(section.slice(command.length))) {
      const again = { ...exchanged, headers: [...exchanged.headers, ...(wholeTour.headers?.(this.#platform) ?? [])] };
      const answer = await askAgain(this.#platform.port, again, normal);
      assert.ok(answer.startsWith(`${exchanged.status} `), `${exchanged.method} ${exchanged.target}: ${answer}`);
    }
  }

  end(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }
}

interface KeyValue {
  readonly key: string;
  readonly value: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Who looks: a namespace and its key. */
export interface Looker {
  readonly url: string;
  readonly namespace: string;
  readonly auth: string;
}

const collections = ["packages", "actions", "triggers", "rules"] as const;

/** All that OpenWhisk's API shows of a namespace, without times, versions and the namespace's name. */
export async function everythingOf(looker: Looker): Promise<Json> {
  const all = await Promise.all(
    collections.map(async (collection) => {
      const items = (await read(looker, `${collection}?limit=200`)) as readonly { namespace: string; name: string }[];
      const named = items.map(({ namespace, name }) => [...namespace.split("/").slice(1), name].join("/")).toSorted();
      const whole = await Promise.all(named.map((name) => read(looker, `${collection}/${name}`)));
      return [collection, Object.fromEntries(named.map((name, i) => [name, plain(whole[i] as Json)]))];
    }),
  );
  const text = JSON.stringify(Object.fromEntries(all)).replaceAll(new RegExp(`\\b${looker.namespace}\\b`, "g"), "NS");
  return JSON.parse(text) as Json;
}

async function read({ url, auth }: Looker, path: string): Promise<unknown> {
  const answer = await send("GET", `${url}/api/v1/namespaces/_/${path}`, undefined, basic(auth));
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

export function basic(auth: string): Record<string, string> {
  return { authorization: `Basic ${btoa(auth)}` };
}

function plain({ updated: _updated, version: _version, exec, annotations, parameters, ...rest }: Json): Json {
  const lists = { annotations: valuesOf(annotations), parameters: valuesOf(parameters) };
  // Of what is in a package the records say all.
  const { actions: _actions, feeds: _feeds, ...others } = rest;
  return { ...others, ...lists, ...(exec !== undefined && { exec: plainExec(exec as Json) }) };
}

/** Everybody makes zips another way, and what is in them counts. */
function plainExec({ code, ...rest }: Json): Json {
  const listing = typeof code === "string" && rest["binary"] === true ? listingOf(Buffer.from(code, "base64")) : null;
  return { ...rest, code: listing?.replaceAll(/ \d+$/gm, "") ?? code };
}

/** By key, without what one of the two clients notes for itself. */
function valuesOf(list: unknown): Json {
  const all = Object.fromEntries(((list ?? []) as readonly KeyValue[]).map(({ key, value }) => [key, value]));
  const { "polykiln/fed": _fed, ...others } = all;
  return Object.fromEntries(Object.entries(others).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What its actions, its web actions, its APIs and its rule answer. */
export async function resultsOf({ url, namespace, auth }: Looker): Promise<Json> {
  const invoked = async (action: string, body = {}) => {
    const target = `${url}/api/v1/namespaces/_/actions/${action}?blocking=true&result=true`;
    return (await send("POST", target, JSON.stringify(body), { ...basic(auth), "content-type": "application/json" })).text;
  };
  const json = { "content-type": "application/json" };
  return {
    checked: await invoked("whole/checked"),
    receipt: await invoked("whole/receipt"),
    steer: await invoked("whole/steer"),
    split: await invoked("tools/split", { payload: "a-b" }),
    raw: (await send("GET", `${url}/api/v1/web/${namespace}/whole/raw.http?a=1&b=2`)).text,
    locked: (await send("GET", `${url}/api/v1/web/${namespace}/whole/total.json`)).status,
    page: (await send("GET", `${url}/api/${namespace}/whole/page`)).text,
    secret: (await send("POST", `${url}/api/${namespace}/whole/secret`, '{"prices":[1,2]}', json)).text,
  };
}
