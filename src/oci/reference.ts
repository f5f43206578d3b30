import { PlatformError } from "../model/error.ts";
import type { Reference } from "./oci.ts";

/** What a name without a host means where nobody says otherwise, by the grammar that all image names follow. */
export const publicRegistry = "docker.io";
/** A name of one part is one of the public registry's own. */
const officialPrefix = "library";

const nameBytesMax = 255;
const hostPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const partPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
export const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** Takes `[HOST[:PORT]/]PATH[:TAG][@DIGEST]` apart. Neither tag nor digest: the tag `latest`. Throws `invalid`. */
export function parseReference(text: string, defaultRegistry: string = publicRegistry): Reference {
  const [named = "", digest = null, ...more] = text.split("@");
  if (more.length > 0 || (digest !== null && !digestPattern.test(digest))) {
    throw invalid(text, "its digest is not sha256: and 64 hex digits");
  }
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : digest === null ? "latest" : null;
  if (tag !== null && !tagPattern.test(tag)) throw invalid(text, "its tag has other than letters, digits, dots, dashes and _");
  const { registry, path } = splitHost(hasTag ? named.slice(0, colon) : named, defaultRegistry);
  if (!hostPattern.test(registry)) throw invalid(text, "its registry is not HOST or HOST:PORT");
  const parts = path.split("/");
  if (path.length > nameBytesMax || !parts.every((part) => partPattern.test(part))) {
    throw invalid(text, "its path is made of lower case letters and digits with single dots, dashes and _ between them");
  }
  const isOfficial = registry === publicRegistry && parts.length === 1;
  return { registry, repository: isOfficial ? `${officialPrefix}/${path}` : path, tag, digest };
}

/** The reference as text that means the same everywhere. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;
}

/** The first part is a host if it could be no path: it has a dot, a port or capitals, or is `localhost`. */
function splitHost(name: string, defaultRegistry: string): { readonly registry: string; readonly path: string } {
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isHost = first === "localhost" || /[.:A-Z[]/.test(first);
  return isHost ? { registry: first, path: name.slice(slash + 1) } : { registry: defaultRegistry, path: name };
}

function invalid(text: string, why: string): PlatformError {
  return new PlatformError("invalid", `${JSON.stringify(text.slice(0, 300))} names no image: ${why}`);
}
