import { isHopByHop } from "./headers.ts";

/**
 * The headers of an answer as they go out: what frames the message is ours alone to say, so whatever a handler (or the function
 * behind it) says about connection, length and encoding of the transfer is left out. `bytes` undefined: not known beforehand.
 */
export function framedHeaders(headers: readonly string[], bytes: number | undefined, status: number, method: string): string[] {
  const framed: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (mayFrame(name.length) && frames(name.toLowerCase(), method)) continue;
    framed.push(name, headers[i + 1] as string);
  }
  // An answer to HEAD may tell the length of what GET would give; that one is the handler's, if it gave any.
  if (bytes !== undefined && method !== "HEAD" && mayHaveBody(status)) framed.push("Content-Length", String(bytes));
  return framed;
}

/** False for the statuses that end with their head (RFC 9110 section 6.4.1). */
export function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304 && status >= 200;
}

/** Lengths of the names that `frames` knows: most headers are passed on without looking at their letters. */
function mayFrame(length: number): boolean {
  return length === 2 || length === 7 || length === 10 || length === 14 || length >= 16;
}

function frames(name: string, method: string): boolean {
  return isHopByHop(name) || (name === "content-length" && method !== "HEAD");
}
