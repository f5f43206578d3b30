/** A document of an API as what serves it. */
import { ApiFailure } from "./errors.ts";
import { type ApiDocument, configurationNames, isObject, type Json, listIn, verbs } from "./document.ts";
import { PathTree, parameterIn, segmentsOf } from "./path-tree.ts";
import { decodedSegment, type Target, targetOf } from "./target.ts";

/** Of one path and verb. */
export interface Operation {
  /** Null: it leads nowhere. */
  readonly target: Target | null;
  /** Instead of the caller's, in capitals; null: the caller's. */
  readonly method: string | null;
  /** What the action is sent besides, names and values by turns. */
  readonly headers: readonly string[];
}

/** By methods in capitals. */
export type Operations = ReadonlyMap<string, Operation>;

export interface CompiledApi {
  readonly paths: PathTree<Operations>;
  /** Pages of every origin may read what it answers. */
  readonly isShared: boolean;
}

/** `namespace`: what `_` stands for. Throws `ApiFailure`, which says what in it there is none of. */
export function compileApi(document: ApiDocument, namespace: string): CompiledApi {
  const configuration = configurationOf(document);
  checkUnserved(document);
  const steps = stepsIn(configuration);
  const paths = new PathTree<Operations>();
  for (const [path, given] of Object.entries(document.paths)) {
    if (!path.startsWith("/")) throw invalid("Resource path must begin with '/'.");
    const operations = operationsOf(given, steps, namespace);
    if (!paths.add(segmentsOf(path).map(literal), operations))
      throw new ApiFailure(`Another path of the API is the same as '${path}': names of parameters make no difference.`);
  }
  const cors = configuration["cors"];
  return { paths, isShared: !(isObject(cors) && cors["enabled"] === false) };
}

/** As the gateway's own refusals are told. */
export function invalid(text: string): ApiFailure {
  return new ApiFailure(`Unable to configure the API Gateway (status code 400): ${text}`);
}

function configurationOf(document: ApiDocument): Json {
  const found = configurationNames.map((name) => document[name]).find(isObject);
  return found ?? {};
}

/** Without what it says of keys and limits it would be open to everybody. */
function checkUnserved(document: ApiDocument): void {
  for (const name of ["securityDefinitions", "security", "x-gateway-rate-limit", "x-ibm-rate-limit"]) {
    if (isSaid(document[name])) throw unserved(name);
  }
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== null && (typeof value !== "object" || Object.keys(value).length > 0);
}

function unserved(what: string): ApiFailure {
  return new ApiFailure(`This server has no '${what}' for APIs, and does not serve one as if it were not there. Remove it.`);
}

/** What is done for operations by their ids, and for all. */
interface Steps {
  readonly byId: ReadonlyMap<string, Step>;
  readonly forAll: Step;
}

interface Step {
  readonly targetUrl: string | null;
  readonly method: string | null;
  readonly headers: readonly string[];
}

function stepsIn(configuration: Json): Steps {
  const assembly = isObject(configuration["assembly"]) ? configuration["assembly"] : {};
  const byId = new Map<string, Step>();
  const forAll: unknown[] = [];
  for (const step of listIn(assembly["execute"])) {
    if (!isObject(step) || step["operation-switch"] === undefined) forAll.push(step);
    else for (const each of casesIn(step["operation-switch"])) addCase(each, byId);
  }
  return { byId, forAll: stepOf(forAll) };
}

function casesIn(given: unknown): readonly Json[] {
  return isObject(given) ? listIn(given["case"]).filter(isObject) : [];
}

function addCase(given: Json, byId: Map<string, Step>): void {
  const step = stepOf(listIn(given["execute"]));
  for (const id of listIn(given["operations"])) if (typeof id === "string") byId.set(id, step);
}

function stepOf(execute: readonly unknown[]): Step {
  let to: Pick<Step, "targetUrl" | "method"> = { targetUrl: null, method: null };
  const headers: string[] = [];
  for (const [name, given] of execute.filter(isObject).flatMap((each) => Object.entries(each))) {
    if (name === "invoke" && isObject(given)) to = invoked(given);
    else if (name === "set-variable" && isObject(given)) headers.push(...headersIn(given));
    else throw unserved(name);
  }
  if (headers.length > 2 * headersMax) throw new ApiFailure(`An operation can be given ${headersMax} headers at most.`);
  return { ...to, headers };
}

function invoked({ "target-url": url, verb }: Json): Pick<Step, "targetUrl" | "method"> {
  if (verb !== undefined && typeof verb !== "string") throw invalid("Missing field 'backendMethod' for the operation.");
  const isKept = verb === undefined || verb.toLowerCase() === "keep";
  if (!isKept) checkVerb(verb.toLowerCase(), `backendMethod '${verb}' not supported.`);
  return { targetUrl: typeof url === "string" ? url : null, method: isKept ? null : verb.toUpperCase() };
}

function headersIn({ actions }: Json): string[] {
  return listIn(actions)
    .filter(isObject)
    .flatMap(({ set, value }) => {
      const name = /^message\.headers\.([!#$%&'*+.^_`|~0-9a-z-]+)$/i.exec(String(set))?.[1];
      if (name === undefined) throw unserved(`set-variable of ${String(set)}`);
      const text = typeof value === "string" ? value : JSON.stringify(value ?? "");
      if (!/^[\t -~\u0080-\uffff]*$/.test(text))
        throw invalid(`The value of header '${name}' has characters that no header can have.`);
      return [name, text];
    });
}

function operationsOf(given: Json, steps: Steps, namespace: string): Operations {
  const operations = new Map<string, Operation>();
  for (const [verb, operation] of Object.entries(isObject(given) ? given : {})) {
    if (verb === "parameters" || verb.startsWith("x-")) continue;
    checkVerb(verb, `Resource verb '${verb}' not supported.`);
    if (!isObject(operation)) throw invalid(`Resource verb '${verb}' has no operation.`);
    if (isSaid(operation["security"])) throw unserved("security");
    operations.set(verb.toUpperCase(), operationOf(operation, steps, namespace));
  }
  if (operations.size === 0) throw invalid("Missing or empty field 'operations' or in resource path object.");
  return operations;
}

function checkVerb(verb: string, text: string): void {
  if (!verbs.some((known) => known === verb)) throw invalid(text);
}

function operationOf(operation: Json, { byId, forAll }: Steps, namespace: string): Operation {
  const own = byId.get(String(operation["operationId"]));
  const named = operation["x-openwhisk"];
  const url = own?.targetUrl ?? forAll.targetUrl ?? (isObject(named) ? named["url"] : undefined);
  return {
    target: typeof url === "string" && url !== "" ? targetOf(url, namespace) : null,
    method: own?.method ?? forAll.method,
    headers: [...forAll.headers, ...(own?.headers ?? [])],
  };
}

/** That a step sets: each operation has all of them. */
const headersMax = 32;

/** As callers' paths are compared with it. */
function literal(segment: string): string {
  return parameterIn(segment) === undefined ? (decodedSegment(segment) ?? segment) : segment;
}
