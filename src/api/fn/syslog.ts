/** The URL of an app's syslog receiver. */
import { invalid } from "./errors.ts";

const schemes = ["tcp", "udp", "unix", "unixgram", "tcp+tls"];

/** The URL itself. Throws `invalid` with the reason in the words of Go's URL parser, as far as that looks. */
export function checkSyslogUrl(url: string): string {
  const reason = fault(url.trim());
  if (reason !== null) throw invalid(`invalid syslog url: "${url}" ${reason}`);
  return url;
}

function fault(url: string): string | null {
  const unparsable = parseFault(url);
  if (unparsable !== null) return `parse ${JSON.stringify(url)}: ${unparsable}`;
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase() ?? "";
  return schemes.includes(scheme) ? null : `invalid scheme, only [${schemes.join(", ")}] are supported`;
}

function parseFault(url: string): string | null {
  if (hasControlCharacter(url)) return "net/url: invalid control character in URL";
  if (url.startsWith(":")) return "missing protocol scheme";
  const port = /^[^:/?#]*:\/\/(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]*)(:[^/?#]*)?/.exec(url)?.[1];
  return port === undefined || /^:\d*$/.test(port) ? null : `invalid port ${JSON.stringify(port)} after host`;
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\u007f");
}
