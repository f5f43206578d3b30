/** What follows from a request's head alone: which operation of which API it is for, and as what it is passed on. */
import type { HttpRequest } from "../../../http/http.ts";
import { isNamePath } from "../names.ts";
import type { CompiledApi, Operation } from "./compile.ts";
import { type Cors, corsOf, notShared, preflightOf, untouched } from "./cors.ts";
import { type GatewayAnswer, noBackend, notFound, noVerb } from "./errors.ts";
import { type Forward, forwardOf } from "./forwarded.ts";
import { gatewayRoute } from "./paths.ts";
import { segmentsOf } from "./path-tree.ts";
import type { NamespaceApis } from "./published.ts";
import { decodedSegment } from "./target.ts";

/** Equal requests share it while nothing changes. */
export class Routed {
  readonly namespace: string;
  /** What it was found in; null: nothing was looked for. */
  readonly apis: NamespaceApis | null;
  readonly cors: Cors;
  /** Null: `answer` is all. */
  readonly forward: Forward | null;
  readonly answer: GatewayAnswer;

  constructor(namespace: string, apis: NamespaceApis | null, cors: Cors, end: Forward | GatewayAnswer) {
    this.namespace = namespace;
    this.apis = apis;
    this.cors = cors;
    this.forward = "path" in end ? end : null;
    this.answer = "path" in end ? notFound : end;
  }
}

/** A path below `/api/`, taken apart. */
export interface Place {
  readonly namespace: string;
  /** What follows, as sent, from its slash. */
  readonly path: string;
  /** Of that, decoded. */
  readonly segments: readonly string[];
}

/** Null: no namespace and no API can have it. */
export function placeOf(path: string): Place | null {
  const below = path.slice(gatewayRoute.prefix.length);
  const slash = below.indexOf("/");
  const namespace = decodedSegment(below.slice(0, slash));
  if (namespace === undefined || namespace.includes("/") || !isNamePath(namespace)) return null;
  const segments: string[] = [];
  for (const segment of segmentsOf(below.slice(slash))) {
    const decoded = decodedSegment(segment);
    if (decoded === undefined) return null;
    segments.push(decoded);
  }
  return { namespace, path: below.slice(slash), segments };
}

/** `apis`: of the place's namespace. */
export async function routeOf(request: HttpRequest, place: Place | null, apis: NamespaceApis | null): Promise<Routed> {
  if (place === null || apis === null) return new Routed("", null, untouched, notFound);
  const { namespace, segments } = place;
  for (const { name, depth } of apis.above(segments)) {
    const api = await apis.api(name);
    const found = api?.paths.find(segments.slice(depth)) ?? null;
    if (api === undefined || found === null) continue;
    const rest = restOf(place.path, depth + found.depth);
    return operationFor(request, api, found.value.get(request.method), { namespace, apis, place, rest });
  }
  return new Routed(namespace, apis, untouched, notFound);
}

interface Way {
  readonly namespace: string;
  readonly apis: NamespaceApis;
  readonly place: Place;
  /** Of the path what no API names. */
  readonly rest: string;
}

function operationFor(request: HttpRequest, api: CompiledApi, operation: Operation | undefined, way: Way): Routed {
  const { namespace, apis, place, rest } = way;
  const cors = api.isShared ? corsOf(request) : notShared;
  const routed = (end: Forward | GatewayAnswer) => new Routed(namespace, apis, cors, end);
  if (api.isShared && request.method === "OPTIONS") return routed(preflightOf(request));
  if (operation === undefined) return routed(noVerb);
  if (operation.target === null) return routed(noBackend);
  const { path, takesPath } = operation.target;
  return routed(forwardOf(request, operation, `${path}${takesPath ? place.path : rest}`));
}

/** What follows so many segments of a path. */
function restOf(path: string, depth: number): string {
  let at = 0;
  for (let i = 0; i < depth; i++) {
    const slash = path.indexOf("/", at + 1);
    if (slash === -1) return "";
    at = slash;
  }
  return path.slice(at);
}
