/**
 * Makes folders reachable for the users that sandboxes run as. A data folder is often closed to others (mode 0700), and then
 * nobody else can use what is below. The spawner, which may enter, mounts the first folder beyond the closed one in a place
 * where all may go; once per folder, in its own mount namespace, so it is seen nowhere else.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, realpathSync, statSync } from "node:fs";
import { PlatformError } from "../../model/error.ts";

/** The mounts of one spawner. */
export class Binds {
  readonly #folder: string;
  readonly #mounted = new Map<string, string>();

  /** `folder` is made. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { mode: 0o711 });
  }

  /** How many mounts there are. A namespace that was copied before the last one lacks it. */
  get count(): number {
    return this.#mounted.size;
  }

  /** A path to the same folder that every user can follow. Throws `internal` if the folder itself is closed or missing. */
  reachable(path: string): string {
    const real = realFolder(path);
    const closed = lastClosed(real);
    if (closed === null) return real;
    if (closed === real) {
      throw new PlatformError("internal", `The folder ${path} is closed to other users; give it mode 0755`);
    }
    const opened = real
      .split("/")
      .slice(0, closed.split("/").length + 1)
      .join("/");
    return this.#mount(opened) + real.slice(opened.length);
  }

  #mount(folder: string): string {
    const found = this.#mounted.get(folder);
    if (found !== undefined) return found;
    const place = `${this.#folder}/${this.#mounted.size}`;
    mkdirSync(place);
    // Read-only: whatever removes this folder one day must not reach through it.
    execFileSync("mount", ["-o", "bind,ro", "--", folder, place]);
    this.#mounted.set(folder, place);
    return place;
  }

  /** Unmounts everything. Sandboxes that still run keep their own copies of the mounts. */
  close(): void {
    for (const place of this.#mounted.values()) execFileSync("umount", ["--lazy", "--", place]);
    this.#mounted.clear();
  }
}

/** Throws `internal` unless every user can follow the path. */
export function assertReachable(path: string): void {
  const closed = lastClosed(path, 0o001);
  if (closed === null) return;
  throw new PlatformError(
    "internal",
    `Sandboxes cannot reach ${path}, because ${closed} is closed to other users (mode 0711 is enough)`,
  );
}

function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new PlatformError("internal", `The folder ${path} does not exist or cannot be used`, { cause: error });
  }
}

/** The deepest folder on the way, the last included, that others may not enter. */
function lastClosed(path: string, mode = 0o005): string | null {
  const names = path.split("/").slice(1);
  for (let length = names.length; length > 0; length -= 1) {
    const folder = `/${names.slice(0, length).join("/")}`;
    const needed = length === names.length ? mode : 0o001;
    if ((statSync(folder).mode & needed) !== needed) return folder;
  }
  return null;
}
