/** Documents of APIs, OpenAPI 2 with the extensions that the gateway reads, as they are made and changed for one operation. */

export type Json = Readonly<Record<string, unknown>>;

/** Whatever else stands in one stays there. */
export interface ApiDocument extends Json {
  readonly basePath: string;
  readonly paths: Readonly<Record<string, Json>>;
}

export const verbs = ["get", "put", "post", "delete", "options", "head", "patch"] as const;

/** Names of what the gateway alone reads: the usual ones and those of an older product. */
export const configurationNames = ["x-gateway-configuration", "x-ibm-configuration"] as const;

/** One path and verb of an API, and the web action behind it. */
export interface Endpoint {
  readonly path: string;
  /** In small letters. */
  readonly verb: string;
  readonly pathParameters: readonly unknown[] | undefined;
  readonly action: { readonly namespace: string; readonly pkg: string | null; readonly name: string };
  /** Of the web action, without an extension. */
  readonly url: string;
  readonly responseType: string;
  /** What the action wants in a header of its own; null: nothing. */
  readonly secret: unknown;
}

export function newDocument(basePath: string, title: string): ApiDocument {
  return {
    swagger: "2.0",
    info: { title, version: "1.0.0" },
    basePath,
    paths: {},
    "x-ibm-configuration": { assembly: {}, cors: { enabled: true } },
  };
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** With the endpoint, instead of what has its path and verb. */
export function withEndpoint(document: ApiDocument, endpoint: Endpoint): ApiDocument {
  const { path, verb } = endpoint;
  const without = withoutOperation(document, path, verb);
  const operationId = freeId(without, operationIdOf(verb, path));
  const operations = { ...ownMember(without.paths, path), [verb]: operationOf(endpoint, operationId) };
  return withCase({ ...without, paths: { ...without.paths, [path]: operations } }, caseOf(endpoint, operationId));
}

/** Without a path, or (`verb`) one of its operations; undefined: there is no such one. */
export function withoutEndpoint(document: ApiDocument, path: string, verb: string | null): ApiDocument | undefined {
  const there = ownMember(document.paths, path);
  if (there === undefined) return undefined;
  if (verb !== null && !Object.hasOwn(there, verb)) return undefined;
  const gone = verb === null ? verbsOf(there) : [verb];
  return gone.reduce((left, each) => withoutOperation(left, path, each), document);
}

/** The verbs that something stands for. */
export function verbsOf(operations: Json): string[] {
  return Object.keys(operations).filter((name) => verbs.some((verb) => verb === name));
}

function operationOf({ pathParameters, action, url, responseType }: Endpoint, operationId: string): Json {
  return {
    operationId,
    ...(pathParameters !== undefined && { parameters: pathParameters }),
    "x-openwhisk": {
      url: `${url}.${responseType}`,
      namespace: action.namespace,
      package: action.pkg ?? "",
      action: action.name,
    },
    responses: { default: { description: "Default response" } },
  };
}

/** What of the path the action is told is in the answers of HTTP alone. */
function caseOf({ url, responseType, secret }: Endpoint, operationId: string): Json {
  const targetUrl = `${url}.${responseType}${responseType === "http" ? "$(request.path)" : ""}`;
  const header = { set: "message.headers.X-Require-Whisk-Auth", value: secret };
  return {
    operations: [operationId],
    execute: [
      { invoke: { "target-url": targetUrl, verb: "keep" } },
      ...(secret === null ? [] : [{ "set-variable": { actions: [header] } }]),
    ],
  };
}

function withoutOperation(document: ApiDocument, path: string, verb: string): ApiDocument {
  const there = ownMember(document.paths, path);
  if (there === undefined || !Object.hasOwn(there, verb)) return document;
  const { [verb]: operation, ...others } = there;
  const { [path]: _, ...paths } = document.paths;
  const left = verbsOf(others).length === 0 ? paths : { ...document.paths, [path]: others };
  const id = isObject(operation) ? operation["operationId"] : undefined;
  return withCases({ ...document, paths: left }, (cases) => cases.flatMap((each) => withoutId(each, id)));
}

function withoutId(each: unknown, id: unknown): unknown[] {
  if (!isObject(each)) return [each];
  const operations = listIn(each["operations"]).filter((operation) => operation !== id);
  return operations.length === 0 ? [] : [{ ...each, operations }];
}

function withCase(document: ApiDocument, added: Json): ApiDocument {
  return withCases(document, (cases) => [...cases, added]);
}

/** The cases of the first switch, of which there is one afterwards. */
function withCases(document: ApiDocument, change: (cases: readonly unknown[]) => readonly unknown[]): ApiDocument {
  const name = configurationNames.find((each) => isObject(document[each])) ?? "x-ibm-configuration";
  const configuration = objectIn(document[name]);
  const assembly = objectIn(configuration["assembly"]);
  const execute = listIn(assembly["execute"]);
  const at = execute.findIndex((step) => isObject(step) && isObject(step["operation-switch"]));
  const before = at === -1 ? {} : (execute[at] as Json);
  const switched = objectIn(before["operation-switch"]);
  const step = { ...before, "operation-switch": { ...switched, case: change(listIn(switched["case"])) } };
  const steps = at === -1 ? [...execute, step] : execute.with(at, step);
  return { ...document, [name]: { ...configuration, assembly: { ...assembly, execute: steps } } };
}

function objectIn(value: unknown): Json {
  return isObject(value) ? value : {};
}

function ownMember(paths: ApiDocument["paths"], path: string): Json | undefined {
  return Object.hasOwn(paths, path) ? paths[path] : undefined;
}

/** As OpenWhisk makes them: the verb, and the words of the path with a capital each. */
function operationIdOf(verb: string, path: string): string {
  const words = path.split(/[^0-9a-z_-]+/i).filter((word) => word !== "");
  return `${verb}${words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1).toLowerCase()}`).join("")}`;
}

/** Two paths may have the same words. */
function freeId({ paths }: ApiDocument, wanted: string): string {
  const operations = Object.values(paths).flatMap((each) => (isObject(each) ? Object.values(each) : []));
  const taken = new Set(operations.map((each) => (isObject(each) ? each["operationId"] : undefined)));
  for (let number = 2, id = wanted; ; id = `${wanted}${number++}`) if (!taken.has(id)) return id;
}
