/** Where an app's lines go, read from its URL. */
export type SyslogTarget =
  | { readonly scheme: "udp" | "tcp" | "tcp+tls"; readonly host: string; readonly port: number }
  | { readonly scheme: "unix" | "unixgram"; readonly path: string };

/** Of UDP and TCP, and of TLS (RFC 5425). */
const ports = { udp: 514, tcp: 514, "tcp+tls": 6514 } as const;

/** The target, or what is wrong with the URL. */
export function parseTarget(text: string): SyslogTarget | { readonly fault: string } {
  const url = URL.parse(text.trim());
  if (url === null) return { fault: "it is no URL" };
  const scheme = url.protocol.slice(0, -1);
  switch (scheme) {
    case "udp":
    case "tcp":
    case "tcp+tls": {
      const host = url.hostname.replace(/^\[|\]$/g, "");
      if (host === "") return { fault: "it names no host" };
      return { scheme, host, port: url.port === "" ? ports[scheme] : Number(url.port) };
    }
    case "unix":
    case "unixgram": {
      const path = decodeURIComponent(url.pathname);
      return path.startsWith("/") && path.length > 1
        ? { scheme, path }
        : { fault: "it names no socket, as unix:///dev/log does" };
    }
    default:
      return { fault: "its scheme is none of udp, tcp, tcp+tls, unix, unixgram" };
  }
}

/** Whether lines may be sent there. `allowed`: `HOST`, `HOST:PORT` or the path of a socket; none: everywhere. */
export function isAllowed(target: SyslogTarget, allowed: readonly string[]): boolean {
  if (allowed.length === 0) return true;
  if ("path" in target) return allowed.includes(target.path);
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return allowed.includes(host) || allowed.includes(target.host) || allowed.includes(`${host}:${target.port}`);
}
