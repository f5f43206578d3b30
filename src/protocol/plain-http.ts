/** Requests and answers that pass to the code as the HTTP they are: what `http-port` and the format `http` share. */
import { connectionListed, isHopByHop, lowerName } from "./headers.ts";

/** A caller's headers without those that concern one connection only, and with a Host. */
export function requestHeaders(given: readonly string[]): string[] {
  const headers = endToEnd(given);
  if (!hasHost(headers)) headers.unshift("Host", "localhost");
  return headers;
}

/** Any status is an answer. The body tells its length itself, except where there is a length and no body. */
export function answerHeaders(method: string, status: number, given: readonly string[]): string[] {
  const headers = endToEnd(given);
  return method === "HEAD" || status === 304 ? headers : withoutLength(headers);
}

function endToEnd(given: readonly string[]): string[] {
  const listed = connectionListed(given);
  const headers: string[] = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const lower = lowerName(name);
    if (!isHopByHop(lower) && !listed.has(lower)) headers.push(name, given[i + 1] as string);
  }
  return headers;
}

function hasHost(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (lowerName(headers[i] as string) === "host") return true;
  return false;
}

function withoutLength(headers: string[]): string[] {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (lowerName(headers[i] as string) === "content-length") headers.splice(i, 2);
  }
  return headers;
}
