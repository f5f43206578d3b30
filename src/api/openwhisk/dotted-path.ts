/** Paths with `..` in them: wskdeploy asks for a feed of another namespace as `…/actions/../../whisk.system/actions/…`. */
import type { HttpRequest } from "../../http/http.ts";

/** Nothing leads out of here. */
const home = "/api/v1/namespaces/";

/** The request that is meant by one with such a path; undefined: it has none, or leads elsewhere, and is looked for as it is. */
export function withoutDots(request: HttpRequest): HttpRequest | undefined {
  const { method, path, target, headers, peer, loopback, body, signal } = request;
  if (!path.includes("/../") || !path.startsWith(home)) return undefined;
  const meant = resolved(path.slice(home.length));
  if (meant === undefined) return undefined;
  const header = (name: string) => request.header(name);
  return { method, path: meant, target: meant + target.slice(path.length), header, headers, peer, loopback, body, signal };
}

function resolved(path: string): string | undefined {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) return undefined;
  }
  return home + kept.join("/");
}
