/**
 * One tree from the layers of an image, in memory: what is where is known before anything is written. Paths go through links as they would
 * inside, where `/` is the image's own, so none leads out of it.
 */
import type { Hiding, LayerEntry } from "./layer.ts";

export type Node = FolderNode | FileNode | LinkNode | TextNode;

export interface FolderNode {
  readonly type: "folder";
  readonly children: Map<string, Node>;
}

/** Where its content is: a number in one of the layers. */
export interface FileNode {
  readonly type: "file";
  readonly layer: number;
  readonly content: number;
}

export interface LinkNode {
  readonly type: "link";
  readonly target: string;
}

/** A small file of ours. */
export interface TextNode {
  readonly type: "text";
  readonly text: string;
}

/** As the kernel counts. */
const linksMax = 40;

/** The tree so far. Methods throw `Error` with a reason in a few words. */
export class MergedTree {
  readonly root: FolderNode = newFolder();
  #layers = 0;

  /** Puts the next layer over the others: first it takes away, then it adds. */
  async add(
    hidings: AsyncIterable<Hiding> | Iterable<Hiding>,
    entries: AsyncIterable<LayerEntry> | Iterable<LayerEntry>,
  ): Promise<void> {
    for await (const hiding of hidings) this.#hide(hiding);
    for await (const entry of entries) this.#add(entry);
    this.#layers++;
  }

  /** A folder at a path, whatever was in its way, links too: something is to be mounted there. */
  ensureFolder(path: string): FolderNode {
    let folder = this.root;
    for (const name of partsOf(path)) folder = childFolder(folder, name, false);
    return folder;
  }

  /** A small file at a path, whatever was there. */
  putText(folder: string, name: string, text: string): void {
    this.ensureFolder(folder).children.set(name, { type: "text", text });
  }

  /** The folder that a program inside comes to by a path is there, made if need be. */
  makeFolder(path: string): void {
    this.#walk(partsOf(path), true);
  }

  #hide({ path, inside }: Hiding): void {
    const parts = partsOf(path);
    const name = inside ? undefined : parts.pop();
    const folder = this.#walk(parts, false);
    if (inside) folder?.children.clear();
    else if (name !== undefined) folder?.children.delete(name);
  }

  #add(entry: LayerEntry): void {
    const parts = partsOf(entry.path);
    const name = parts.pop() as string;
    const folder = this.#walk(parts, true) as FolderNode;
    switch (entry.type) {
      case "folder":
        childFolder(folder, name, false);
        return;
      case "file":
        folder.children.set(name, { type: "file", layer: this.#layers, content: entry.content });
        return;
      case "link":
        folder.children.set(name, { type: "link", target: entry.target });
        return;
      case "same":
        folder.children.set(name, this.#same(entry.as));
    }
  }

  #same(path: string): Node {
    const parts = partsOf(path);
    const name = parts.pop();
    const found = name === undefined ? undefined : this.#walk(parts, false)?.children.get(name);
    if (found === undefined) throw new Error(`a hard link in it is to ${JSON.stringify(path)}, which it does not have`);
    if (found.type === "folder") throw new Error(`a hard link in it is to the folder ${JSON.stringify(path)}`);
    return found;
  }

  /** The folder at the end of a path. What is not there is made, or the result is null. */
  #walk(path: readonly string[], make: boolean): FolderNode | null {
    const rest = path.toReversed();
    const folders: FolderNode[] = [this.root];
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === "..") {
        if (folders.length > 1) folders.pop();
        continue;
      }
      const folder = folders.at(-1) as FolderNode;
      const found = folder.children.get(name);
      if (found?.type === "link") {
        if (++links > linksMax) throw new Error(`there are too many links on the way to ${JSON.stringify(path.join("/"))}`);
        if (found.target.startsWith("/")) folders.length = 1;
        rest.push(...partsOf(found.target).toReversed());
      } else if (found !== undefined && found.type !== "folder") {
        if (!make) return null;
        throw new Error(`${JSON.stringify(path.join("/"))} in it goes through a file`);
      } else if (found === undefined && !make) return null;
      else folders.push(childFolder(folder, name, true));
    }
    return folders.at(-1) as FolderNode;
  }
}

function childFolder(folder: FolderNode, name: string, keepsLinks: boolean): FolderNode {
  const found = folder.children.get(name);
  if (found?.type === "folder") return found;
  if (found?.type === "link" && keepsLinks) throw new Error("a link is no folder");
  const made = newFolder();
  folder.children.set(name, made);
  return made;
}

function newFolder(): FolderNode {
  return { type: "folder", children: new Map() };
}

/** With `..`, which only links have. */
function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
