/** The host of `host:port`, in lower case, without the brackets of IPv6 and the dot that may end a name. */
export function hostName(authority: string): string {
  const lower = authority.toLowerCase();
  if (lower.startsWith("[")) return lower.slice(1, Math.max(lower.indexOf("]"), 1));
  const colon = lower.lastIndexOf(":");
  const name = colon === -1 ? lower : lower.slice(0, colon);
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/** The one label that stands before `.parent` in a `Host`; null where there is none, or more. An empty `parent` has no names below it. */
export function labelBelow(parent: string, host: string | undefined): string | null {
  if (parent === "" || host === undefined) return null;
  const name = hostName(host);
  if (!name.endsWith(parent) || name[name.length - parent.length - 1] !== ".") return null;
  const label = name.slice(0, -parent.length - 1);
  return /^[0-9a-z-]+$/.test(label) ? label : null;
}
