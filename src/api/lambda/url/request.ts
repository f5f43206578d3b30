/** What a request says to a URL by its head alone, so that equal requests share it. */
import { endToEndHeaders } from "../../../http/headers.ts";
import { hostName, labelBelow } from "../../../http/host-label.ts";
import type { HttpRequest } from "../../../http/http.ts";
import { urlRoute } from "./paths.ts";
import type { ShownHeaders } from "./shown-headers.ts";

const authorization = "authorization";

export class UrlRequest {
  /** Of the URL. */
  readonly id: string;
  /** It came by the host of the URL, so that what it is answered has an origin of its own. */
  readonly isOnOwnHost: boolean;
  readonly origin: string | undefined;
  /** Its content type is one of text. */
  readonly isText: boolean;
  readonly authorization: string | undefined;
  /** Whom it came by before it came here, as sent. */
  readonly forwardedFor: string | undefined;
  /** The event from its beginning into its headers: these without `authorization` and `x-forwarded-for`. */
  readonly eventStart: string;
  /** JSON of the parameters, with their name and a comma; empty: there are none. */
  readonly parameters: string;
  /** Members of the event's context that follow whose it is: the domain, and of `http` all but the address. */
  readonly context: string;
  /** Those of a call that say which trace it is a part of. */
  readonly traced: readonly string[];
  /** What was answered last. */
  shown: ShownHeaders | null = null;

  /** `hostsBelow`: the name that hosts of URLs have after the URL's id. */
  constructor(request: HttpRequest, hostsBelow: string) {
    const { method, path, target } = request;
    const host = request.header("host") ?? "";
    const label = labelBelow(hostsBelow, host);
    const seen = seenHeaders(request, host);
    this.isOnOwnHost = label !== null;
    const slash = path.indexOf("/", urlRoute.prefix.length);
    this.id = label ?? path.slice(urlRoute.prefix.length, slash === -1 ? path.length : slash);
    const rawPath = JSON.stringify(label !== null ? path : slash === -1 ? "/" : path.slice(slash));
    const query = target.slice(path.length + 1);
    this.origin = request.header("origin");
    this.isText = textTypes.test(seen.get("content-type") ?? "");
    this.authorization = seen.get(authorization);
    this.forwardedFor = seen.get("x-forwarded-for");
    this.parameters = parametersIn(query);
    this.traced = tracedBy(seen);
    const agent = JSON.stringify(seen.get("user-agent") ?? "");
    const domain = JSON.stringify(hostName(host));
    this.context = `"domainName":${domain},"domainPrefix":"${this.id}","http":{"method":"${method}","path":${rawPath},"protocol":"HTTP/1.1","userAgent":${agent}`;
    const cookies = cookiesIn(seen.get("cookie"));
    seen.delete(authorization);
    seen.delete("x-forwarded-for");
    this.eventStart = `{"version":"2.0","routeKey":"$default","rawPath":${rawPath},"rawQueryString":${JSON.stringify(query)},${cookies}"headers":{${members(seen)}`;
  }
}

/** What a body is text of; everything else goes in base64. */
const textTypes = /^\s*(?:text\/|application\/(?:json|xml|javascript)\s*(?:;|$)|[\w.-]+\/[\w.-]+\+(?:json|xml)\s*(?:;|$))/i;

/** As those of AWS's front are, with what it adds. */
function seenHeaders(request: HttpRequest, host: string): Map<string, string> {
  const kept = endToEndHeaders(request.headers);
  const seen = new Map<string, string>();
  for (let i = 0; i < kept.length; i += 2) {
    const name = (kept[i] as string).toLowerCase();
    const before = seen.get(name);
    const value = kept[i + 1] as string;
    seen.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ","}${value}`);
  }
  if (!seen.has("x-forwarded-proto")) seen.set("x-forwarded-proto", "http");
  if (!seen.has("x-forwarded-port")) seen.set("x-forwarded-port", /:(\d+)$/.exec(host)?.[1] ?? "80");
  return seen;
}

function cookiesIn(header: string | undefined): string {
  if (header === undefined) return "";
  const cookies = header.split(";").map((each) => each.trim());
  return `"cookies":${JSON.stringify(cookies.filter((each) => each !== ""))},`;
}

function parametersIn(query: string): string {
  if (query === "") return "";
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return values.size === 0 ? "" : `"queryStringParameters":{${members(values)}},`;
}

/** Whatever the names are, also those that objects have of their own. */
function members(values: ReadonlyMap<string, string>): string {
  return [...values].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",");
}

function tracedBy(seen: ReadonlyMap<string, string>): readonly string[] {
  const trace = seen.get("x-amzn-trace-id");
  const parent = seen.get("traceparent");
  return [
    ...(trace === undefined ? [] : ["lambda-runtime-trace-id", trace]),
    ...(parent === undefined ? [] : ["traceparent", parent]),
  ];
}
