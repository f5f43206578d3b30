/** What a URL says to browsers about pages of other origins, in the place of its function. */
import type { HttpRequest } from "../../../http/http.ts";
import type { CorsRules } from "../../../model/fn-url.ts";

/** A browser asks what a page may do; no function is. */
export function isPreflight(request: Pick<HttpRequest, "method" | "header">): boolean {
  return (
    request.method === "OPTIONS" &&
    request.header("origin") !== undefined &&
    request.header("access-control-request-method") !== undefined
  );
}

/** Of the answer to a preflight. */
export function preflightHeaders(rules: CorsRules, request: Pick<HttpRequest, "header">): readonly string[] {
  const { methods = [], headers = [], maxAgeS } = rules;
  const origin = originHeaders(rules, request.header("origin"));
  if (origin.length === 0) return vary(rules);
  // Beside credentials `*` would be the name of a header or a method.
  const shown = (given: readonly string[], asked: string | undefined) =>
    given.includes("*") ? (rules.credentials === true ? (asked ?? "") : "*") : given.join(",");
  const lines = [
    ["Access-Control-Allow-Methods", shown(methods, request.header("access-control-request-method"))],
    ["Access-Control-Allow-Headers", shown(headers, request.header("access-control-request-headers"))],
    ["Access-Control-Max-Age", maxAgeS === undefined ? "" : String(maxAgeS)],
  ];
  return [...origin, ...lines.filter(([, value]) => value !== "").flat(), ...vary(rules)];
}

/** Of every other answer. `origin`: of the page that asks. */
export function corsHeaders(rules: CorsRules, origin: string | undefined): readonly string[] {
  const allowed = originHeaders(rules, origin);
  const { exposed = [] } = rules;
  const more = allowed.length === 0 || exposed.length === 0 ? [] : ["Access-Control-Expose-Headers", exposed.join(",")];
  return [...allowed, ...more, ...vary(rules)];
}

/** What the function says of it does not count. */
export function withoutCors(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!name.toLowerCase().startsWith("access-control-")) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

function originHeaders({ origins = [], credentials }: CorsRules, origin: string | undefined): readonly string[] {
  if (origin === undefined) return [];
  const isForAll = origins.includes("*");
  if (!isForAll && !origins.includes(origin)) return [];
  const allowed = ["Access-Control-Allow-Origin", isForAll && credentials !== true ? "*" : origin];
  return credentials === true ? [...allowed, "Access-Control-Allow-Credentials", "true"] : allowed;
}

/** The answer to another page would be another one. */
function vary({ origins = [], credentials }: CorsRules): readonly string[] {
  return origins.includes("*") && credentials !== true ? [] : ["Vary", "Origin"];
}
