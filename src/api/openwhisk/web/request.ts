/** What a request says of a web action by its head alone, so that equal requests share it. */
import type { Caller } from "../../../auth/auth.ts";
import { sandboxDocument } from "../../../http/function-origin.ts";
import { endToEndHeaders } from "../../../http/headers.ts";
import { labelBelow } from "../../../http/host-label.ts";
import type { HttpRequest } from "../../../http/http.ts";
import type { FunctionReference } from "../../../invocation/invocation.ts";
import type { Fn } from "../../../model/model.ts";
import { noRoute, Refusal, wrongMethod } from "../errors.ts";
import { nameIn } from "../names.ts";
import { givenTransaction } from "../reply.ts";
import { corsHeaders, withCors } from "./cors.ts";
import { type MediaType, mediaType } from "./media.ts";
import { webMethods, webRoute } from "./paths.ts";
import type { WebAnswer } from "./result.ts";

/** As what a result is answered. */
export const extensions = ["http", "json", "html", "svg", "text"] as const;

export type Extension = (typeof extensions)[number];

/** The default package, in paths. */
const defaultPackage = "default";

/** What the root of a namespace's host is. */
const indexPath = "/public/index.html";

const place = /^([^/]+)\/([^/]+)\/([^/]+)(\/.*)?$/;
const extended = new RegExp(`^(.+)\\.(${extensions.join("|")})$`);

/** Not for the code: what belongs to the message, or is in other words with it already. */
const unseen: ReadonlySet<string> = new Set(["content-length"]);

/** Of the headers of a request, those that a call has as well. */
const passed = ["traceparent", "tracestate", "x-request-id"] as const;

export class WebRequest {
  readonly namespace: string;
  readonly target: FunctionReference;
  /** In whose name it runs. */
  readonly owner: Caller;
  readonly extension: Extension;
  readonly method: string;
  /** What follows the action, as sent: nothing, or a slash and more. */
  readonly path: string;
  /** As sent, without its question mark. */
  readonly query: string;
  /** Its parameters; of several with one name the last. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Null: none, or none that is one. */
  readonly contentType: MediaType | null;
  readonly accept: string | undefined;
  /** What stands in for a key. */
  readonly secret: string | undefined;
  readonly hasCredentials: boolean;
  /** What the caller calls its request; undefined: it left that to us. */
  readonly transaction: string | undefined;
  /** Of the call. */
  readonly headers: readonly string[];
  /** What every answer has, unless the action sees to that. */
  readonly cors: readonly string[];
  /** It came by the host of its namespace, so that what it is answered has an origin of its own. */
  readonly isOnOwnHost: boolean;
  /** What it is sent without a body, as it was made last. */
  bare: BareArguments | null = null;
  readonly #seen: ReadonlyMap<string, string>;
  #user: string | null | undefined = undefined;
  #context = "";
  #answered: Answered | null = null;

  /** `hostsBelow`: with the name of the host above those of namespaces the request was sent to one of these. Throws `Refusal`. */
  constructor(request: HttpRequest, hostsBelow: string) {
    const { method, headers } = request;
    const label = labelBelow(hostsBelow, request.header("host"));
    const { namespace, pkg, name, rest } = placeOf(request.path, label);
    const action = extended.exec(name);
    this.isOnOwnHost = label !== null;
    this.namespace = legal(namespace);
    this.owner = { name: "web", namespaces: [this.namespace] };
    this.target = { by: "name", app: pkg === defaultPackage ? null : legal(pkg), name: legal(action?.[1] ?? name) };
    this.extension = (action?.[2] as Extension | undefined) ?? "http";
    if (!webMethods.some((known) => known === method)) throw wrongMethod(webMethods);
    this.method = method;
    this.path = rest;
    this.query = request.target.slice(request.path.length + 1);
    this.parameters = new Map(this.query === "" ? [] : new URLSearchParams(this.query));
    this.contentType = mediaType(request.header("content-type") ?? "");
    this.accept = request.header("accept");
    this.secret = request.header("x-require-whisk-auth");
    this.hasCredentials = request.header("authorization") !== undefined;
    this.transaction = givenTransaction(request);
    this.headers = callHeaders(request);
    this.cors = corsHeaders(request.header("access-control-request-headers"));
    this.#seen = seenHeaders(headers);
  }

  /**
   * The part of the code's parameters that tells of the request, as JSON text without its closing bracket. `user`: whose key came with it. The key
   * itself is not told then: whoever wrote the code could act in the caller's name.
   */
  context(user: string | null): string {
    if (user === this.#user) return this.#context;
    const headers = Object.fromEntries([...this.#seen].filter(([name]) => user === null || name !== "authorization"));
    const told = { __ow_method: this.method.toLowerCase(), __ow_headers: headers, __ow_path: this.path };
    this.#context = JSON.stringify(user === null ? told : { ...told, __ow_user: user }).slice(0, -1);
    this.#user = user;
    return this.#context;
  }

  /** The headers of an answer: the list of the last one with the same, where there was one, as that is not looked at again. */
  answerHeaders(
    { type, headers }: Pick<WebAnswer, "type" | "headers">,
    isBare: boolean,
    isSandboxed: boolean,
  ): readonly string[] {
    const last = this.#answered;
    if (last?.type === type && last.isBare === isBare && isEqual(headers, last.headers)) return last.list;
    const list = type === null ? [...headers] : ["Content-Type", type, ...headers];
    if (type !== null && isSandboxed) sandboxDocument(list);
    const answered = { type, headers, isBare, list: isBare ? list : withCors(list, this.cors) };
    this.#answered = answered;
    return answered.list;
  }
}

interface Answered extends Pick<WebAnswer, "type" | "headers"> {
  readonly isBare: boolean;
  readonly list: readonly string[];
}

function isEqual(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at]);
}

/** Of a function, by a request that has no body. */
export interface BareArguments {
  readonly fn: Fn;
  readonly context: string;
  readonly bytes: Buffer;
}

interface Place {
  readonly namespace: string;
  readonly pkg: string;
  readonly name: string;
  readonly rest: string;
}

function placeOf(path: string, label: string | null): Place {
  const found = place.exec(label === null ? path.slice(webRoute.prefix.length) : `${label}${path === "/" ? indexPath : path}`);
  if (found === null) throw noRoute();
  const [, namespace = "", pkg = "", name = "", rest = ""] = found;
  return { namespace, pkg, name, rest };
}

/** A name that is none is nowhere, like one of which nobody knows. */
function legal(segment: string): string {
  try {
    return nameIn(segment);
  } catch (error) {
    throw error instanceof Refusal ? noRoute() : error;
  }
}

function callHeaders(request: HttpRequest): readonly string[] {
  const headers = ["Content-Type", "application/json"];
  for (const name of passed) {
    const value = request.header(name);
    if (value !== undefined) headers.push(name, value);
  }
  return headers;
}

/** By lower-case names. One that stands there twice has both values. */
function seenHeaders(headers: readonly string[]): ReadonlyMap<string, string> {
  const seen = new Map<string, string>();
  const kept = endToEndHeaders(headers, unseen);
  for (let i = 0; i < kept.length; i += 2) {
    const name = (kept[i] as string).toLowerCase();
    const before = seen.get(name);
    const value = kept[i + 1] as string;
    seen.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return seen;
}
