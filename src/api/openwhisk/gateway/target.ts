/** Where an operation of an API leads. */
import { webRoute } from "../web/paths.ts";
import { ownNamespace } from "../names.ts";
import { ApiFailure } from "./errors.ts";

/** A web action. */
export interface Target {
  /** Of its URL, from the slash that it begins with. */
  readonly path: string;
  /** It is told all of the caller's path, and not only what is longer than the API's. */
  readonly takesPath: boolean;
}

/** What follows the root of web actions. */
const webAction = /^([^/]+)\/([^/]+)\/([^/$?#]+)((?:\/[^$?#]*)?)(\$\(request\.path\))?$/;

/**
 * A target-url's web action, whatever its host: a document may come from another server, or name this one as its author does. Throws `ApiFailure` for
 * what is no URL of one: the gateway connects to nothing else.
 */
export function targetOf(url: string, namespace: string): Target {
  const root = url.indexOf(webRoute.prefix);
  const [, owner = "", pkg = "", name = "", rest = "", ending] = webAction.exec(url.slice(root + webRoute.prefix.length)) ?? [];
  if (root === -1 || /[$?#]/.test(url.slice(0, root)) || name === "")
    throw new ApiFailure(`The target-url '${url}' is not the URL of a web action.`);
  const names = [owner === ownNamespace ? namespace : owner, pkg, name].map(encoded);
  return { path: `${webRoute.prefix}${names.join("/")}${rest}`, takesPath: ending !== undefined };
}

/** Undefined: its escapes are none. */
export function decodedSegment(segment: string): string | undefined {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function encoded(segment: string): string {
  return encodeURIComponent(decodedSegment(segment) ?? segment);
}
