/** Paths as Go's server sees them. */

/**
 * A path with its percent escapes decoded. Bytes that are not UTF-8 become the replacement character, which no id and no name
 * of ours has; an escape that is none stays as it stands.
 */
export function decodePath(path: string): string {
  if (!path.includes("%")) return path;
  const escaped = path.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"));
  return escaped.toWellFormed();
}
