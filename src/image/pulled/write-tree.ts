import { chmodSync, copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentFile } from "./layer.ts";
import type { FileNode, FolderNode, MergedTree } from "./merge.ts";

/** What a sandbox mounts something on. A root is read-only: it cannot be given them later. */
const mountPoints = ["proc", "sys", "dev", "tmp", "run/kiln"] as const;

const hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/** Gives an image what every container is given: places to mount on, and names for the machine it is in. */
export function addPlatformParts(tree: MergedTree, workingFolder: string): void {
  for (const path of mountPoints) tree.ensureFolder(path).children.clear();
  tree.putText("etc", "hosts", hosts);
  tree.putText("etc", "resolv.conf", "");
  tree.makeFolder(workingFolder);
}

/** Writes a tree to a folder that is not there yet; contents are links to those of the layers, given by their folders. */
export function writeTree(folder: FolderNode, path: string, layers: readonly string[]): void {
  makeFolder(path);
  for (const [name, node] of folder.children) {
    const place = join(path, name);
    switch (node.type) {
      case "folder":
        writeTree(node, place, layers);
        break;
      case "file":
        linkContent(node, place, layers);
        break;
      case "link":
        symlinkSync(node.target, place);
        break;
      case "text":
        writeFileSync(place, node.text, { mode: 0o644, flag: "wx" });
        chmodSync(place, 0o644);
    }
  }
}

/** A file system counts links, and some not very far. */
function linkContent({ layer, content }: FileNode, place: string, layers: readonly string[]): void {
  const source = contentFile(layers[layer] as string, content);
  try {
    linkSync(source, place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EMLINK") throw error;
    copyFileSync(source, place);
  }
}

/** Whatever our umask is: sandboxes have users of their own. */
function makeFolder(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
}
