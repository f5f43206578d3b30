import { watch } from "chokidar";
import { basename, sep } from "node:path";
import type { Project } from "../project/project.ts";

/** Folders whose files are never edited by hand, or are too many to watch. */
const unwatched = new Set(["node_modules", ".git", ".hg", ".svn", "__pycache__", ".venv", "venv"]);

export interface Watcher {
  close(): Promise<void>;
}

/** Hears of files of a project that were saved, added or removed; of each at once. Resolves when everything is watched. */
export async function watchProject(project: Project, changed: (file: string) => void): Promise<Watcher> {
  const folders = [project.folder, ...project.functions.map(({ folder }) => folder).filter((folder) => folder !== null)];
  const outer = folders.filter(
    (folder, i) => folders.indexOf(folder) === i && !folders.some((other) => folder.startsWith(other + sep)),
  );
  const watcher = watch([...outer, ...project.files], {
    ignoreInitial: true,
    ignored: (path) => unwatched.has(basename(path)) || path.endsWith(".pyc") || path.endsWith("~") || path.endsWith(".swp"),
  });
  watcher.on("all", (event, path) => {
    if (event !== "addDir" && event !== "unlinkDir") changed(path);
  });
  await new Promise<void>((resolve, reject) => watcher.once("ready", resolve).once("error", reject));
  return watcher;
}
