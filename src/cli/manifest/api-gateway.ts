import type { Change } from "../project/deployment.ts";
import { changeOf } from "./action-change.ts";
import type { Manifest, WantedApi } from "./manifest.ts";
import { inPackage } from "./package-reading.ts";
import type { Wire } from "./wire.ts";

const management = "/api/v1/web/whisk.system/apimgmt";
/** OpenWhisk's own gateway wants to be told something. */
const asker = { accesstoken: "DUMMY TOKEN", spaceguid: "-" };

interface Operation {
  readonly operationId?: string;
  readonly "x-openwhisk"?: { readonly url?: string };
}

interface Step {
  readonly "set-variable"?: { readonly actions?: readonly { readonly set?: string; readonly value?: unknown }[] };
}

interface Document {
  readonly basePath: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly "x-ibm-configuration"?: {
    readonly assembly?: {
      readonly execute?: readonly {
        readonly "operation-switch"?: {
          readonly case?: readonly { readonly operations: readonly string[]; readonly execute: readonly Step[] }[];
        };
      }[];
    };
  };
}

interface PlannedApi {
  readonly place: string;
  readonly change: Change;
}

/** The APIs of a manifest. What is gone from it stays: nothing on an API says which project made it. */
export async function apiChanges(wire: Wire, { apis, actions, sequences }: Manifest): Promise<PlannedApi[]> {
  if (apis.length === 0) return [];
  const bodies = new Map([...actions, ...sequences].map(({ name, annotations }) => [name, annotations]));
  const documents = await documentsOf(wire);
  return apis.map((api) => {
    const annotations = bodies.get(fullName(api)) ?? {};
    const secret = annotations["require-whisk-auth"] ?? null;
    return { place: api.place, change: apiChange(wire, api, secret === false ? null : secret, documents) };
  });
}

function apiChange(wire: Wire, api: WantedApi, secret: unknown, documents: readonly Document[]): Change {
  const { name, basePath, path, verb, responseType } = api;
  const document = documents.find((each) => each.basePath === basePath);
  const there = document?.paths[path]?.[verb];
  const behind = there?.["x-openwhisk"]?.url;
  const isSame = behind !== undefined && new URL(behind).pathname === `${pathOf(wire, api)}.${responseType}`;
  const isOpenAlike = document === undefined || secretOf(document, there?.operationId) === secret;
  const fields = [...(isSame ? [] : ["action"]), ...(isOpenAlike ? [] : ["secret"])];
  return changeOf("api", `${name} ${verb.toUpperCase()} ${basePath}${path}`, there !== undefined, fields, async () => {
    const body = { apidoc: apidocOf(wire, api, secret) };
    await wire.exchange("POST", `${management}/createApi.http`, { query: { ...asker, responsetype: responseType }, body });
  });
}

function apidocOf(wire: Wire, api: WantedApi, secret: unknown): object {
  const { namespace, client } = wire;
  const names = [...new Set([...api.path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name as string))];
  return {
    namespace,
    apiName: api.name,
    gatewayBasePath: api.basePath,
    gatewayPath: api.path,
    gatewayMethod: api.verb.toUpperCase(),
    id: `API:${namespace}:${api.basePath}`,
    pathParameters: names.map((name) => ({ name, in: "path", required: true, type: "string" })),
    action: {
      name: fullName(api),
      namespace,
      backendMethod: api.verb.toUpperCase(),
      backendUrl: `${client.url}${pathOf(wire, api)}.http`,
      // A member that has to be there; a web action runs as its owner.
      authkey: "-",
      ...(secret !== null && { secureKey: secret }),
    },
  };
}

function fullName({ action: [pkg, name] }: WantedApi): string {
  return inPackage({ name: pkg }, name);
}

/** Of the web action, without an extension. */
function pathOf({ namespace }: Wire, { action }: WantedApi): string {
  return `/api/v1/web/${[namespace, ...action].map(encodeURIComponent).join("/")}`;
}

async function documentsOf(wire: Wire): Promise<Document[]> {
  const { bytes } = await wire.exchange("GET", `${management}/getApi.http`, { query: asker });
  const { apis } = JSON.parse(bytes.toString("utf8")) as { apis: { value: { apidoc: Document } }[] };
  return apis.map(({ value }) => value.apidoc);
}

/** What the gateway tells the action, which wants it in a header; null: nothing. */
function secretOf(document: Document, operationId: string | undefined): unknown {
  const steps = document["x-ibm-configuration"]?.assembly?.execute ?? [];
  const cases = steps.flatMap((step) => step["operation-switch"]?.case ?? []);
  const own = cases.find(({ operations }) => operationId !== undefined && operations.includes(operationId));
  const set = (own?.execute ?? []).flatMap((step) => step["set-variable"]?.actions ?? []);
  return set.find(({ set: name }) => name?.endsWith("X-Require-Whisk-Auth"))?.value ?? null;
}
