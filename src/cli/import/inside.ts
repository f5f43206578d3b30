import { realpathSync } from "node:fs";
import { relative } from "node:path";

/** Whether a path is below a folder, also where links lead. What is not there is judged by its name. */
export function isInside(root: string, path: string): boolean {
  return isBelow(root, path) && isBelow(real(root), real(path));
}

function isBelow(root: string, path: string): boolean {
  return !/^\.\.(?:\/|$)/.test(relative(root, path));
}

/** Without links; of what is not there the part that is. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const slash = path.lastIndexOf("/");
    return slash <= 0 ? path : `${real(path.slice(0, slash))}${path.slice(slash)}`;
  }
}
