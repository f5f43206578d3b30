/** The setting `kinds`: kinds of the operator's own, each a folder or an image, and a line. */

/** A kind with a root file system that was not made here. */
export interface OwnKind {
  /** `name:version`. */
  readonly name: string;
  /** A folder of this machine, by its whole path, or the name of a container image. */
  readonly root: string;
  /** What starts a function that names no command; empty: what the code or the image says. */
  readonly command: readonly string[];
}

/** Reads `NAME:VERSION=FOLDER_OR_IMAGE [COMMAND…]`. Throws what completes "… is not usable: it". */
export function parseOwnKind(text: string): OwnKind {
  const [, name = "", rest = ""] = /^([a-z][a-z0-9-]*:[\w.-]+)=(.+)$/.exec(text.trim()) ?? [];
  const [root = "", ...command] = rest.split(/\s+/).filter((word) => word !== "");
  if (name === "" || root === "")
    throw new Error(`has ${JSON.stringify(text)}, which is not NAME:VERSION=FOLDER_OR_IMAGE, such as ruby:3.3=/srv/ruby`);
  return { name, root, command };
}
