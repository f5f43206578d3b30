import { isIP } from "node:net";
import { PlatformError } from "../model/error.ts";
import { hostName } from "./host-label.ts";
import { isLoopbackHost } from "./loopback.ts";

/** What the check needs of a request. */
export interface SiteRequest {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/**
 * Keeps web pages away from a listener that asks for no credential. Two ways lead from any page that somebody opens to a server on
 * their own machine: a form or a fetch straight at 127.0.0.1 (the browser says so in `Origin`), and a host name of the
 * attacker's that is re-pointed to 127.0.0.1 once the page is loaded (DNS rebinding: same origin for the browser, but `Host` still
 * carries the name). So `Host` must be an IP address, localhost or a configured name, and a request that changes something must not come
 * from another site, unless the operator named it. Programs that are no browser send no `Origin` and are not touched.
 *
 * Costs one string comparison a request: the last good host is remembered.
 */
export function siteGuard(
  publicNames: readonly string[],
  pageOrigins: readonly string[] = [],
): (request: SiteRequest) => PlatformError | undefined {
  const names = new Set(publicNames.map((name) => name.toLowerCase()));
  const origins = new Set(pageOrigins.map((origin) => origin.toLowerCase()));
  let lastGoodHost: string | undefined;

  return ({ method, host, origin }) => {
    if (host !== lastGoodHost && host !== undefined) {
      const name = hostName(host);
      if (!isIP(name) && !isLoopbackHost(name) && !names.has(name)) return foreignHost(host);
      lastGoodHost = host;
    }
    if (origin === undefined || method === "GET" || method === "HEAD" || method === "OPTIONS") return undefined;
    const isNamed = origin !== "null" && (origins.has("*") || origins.has(origin));
    return isNamed || isOwnOrigin(origin, host, names) ? undefined : foreignOrigin(origin);
  };
}

/** Another port of the same machine is somebody's own page under development; another address of the network is not. */
function isOwnOrigin(origin: string, host: string | undefined, names: ReadonlySet<string>): boolean {
  const match = /^https?:\/\/([^/?#]+)$/i.exec(origin);
  if (match === null) return false;
  const authority = match[1] as string;
  const name = hostName(authority);
  return authority.toLowerCase() === host?.toLowerCase() || isLoopbackHost(name) || names.has(name);
}

function foreignHost(host: string): PlatformError {
  return new PlatformError(
    "forbidden",
    `Host ${JSON.stringify(host.slice(0, 255))} is not a name of this server. Use its IP address or localhost, send a key, or configure the public URL`,
    { details: { header: "host" } },
  );
}

function foreignOrigin(origin: string): PlatformError {
  return new PlatformError(
    "forbidden",
    `Origin ${JSON.stringify(origin.slice(0, 255))} is another site, which may change nothing here without a key. Send a key in Authorization`,
    { details: { header: "origin" } },
  );
}
