/** As many links as Linux follows in one look-up. */
const followedMax = 40;

/**
 * Why a link may not be made, or null. `links` holds every link of the archive by its path: a target is followed through them
 * name by name, as the kernel would, because `a/..` is not where it seems when `a` is a link.
 */
export function linkProblem(path: string, target: string, links: ReadonlyMap<string, string>): string | null {
  const shown = JSON.stringify(target.slice(0, 120));
  if (target === "" || target.includes("\0") || target.includes("\ufffd")) return "is a link with an unusable target";
  if (Buffer.byteLength(target) > 1024) return "is a link with a target longer than 1024 bytes";
  if (target.startsWith("/") || target.includes("\\")) return `is a link to ${shown}, which is not a relative path`;
  return staysInside(path, target, links) ? null : `is a link to ${shown}, which leaves the archive or never ends`;
}

function staysInside(path: string, target: string, links: ReadonlyMap<string, string>): boolean {
  const here = path.split("/").slice(0, -1);
  const ahead = target.split("/").toReversed();
  let followed = 0;
  while (ahead.length > 0) {
    const name = ahead.pop() as string;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (here.pop() === undefined) return false;
      continue;
    }
    here.push(name);
    const next = links.get(here.join("/"));
    if (next === undefined) continue;
    if (next.startsWith("/") || ++followed > followedMax) return false;
    here.pop();
    ahead.push(...next.split("/").toReversed());
  }
  return true;
}
