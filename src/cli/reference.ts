import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { usage } from "./failure.ts";
import { findProjectFolder } from "./project/project.ts";
import { fnFiles, kilnFiles } from "./project/project-files.ts";
import { appNameOf } from "./project/kiln-yaml.ts";
import type { Session } from "./session.ts";

/** A thing of an app, by name. */
export interface Reference {
  readonly app: string;
  readonly name: string;
}

/**
 * What `APP/NAME` or `NAME` means. The app of a bare name is that of the project one stands in, else the null app `_`. Without any text it
 * is the project's only function.
 */
export function referenceOf(session: Session, text: string | undefined, what: "function" | "route" | "app"): Reference {
  const slash = text?.indexOf("/") ?? -1;
  if (text !== undefined && slash >= 0) return { app: text.slice(0, slash), name: text.slice(slash + 1) };
  const project = glance(session.folder);
  if (text !== undefined) return { app: project?.app ?? "_", name: text };
  if (project === null)
    throw usage(
      `Say which ${what}: this folder is no project that could tell`,
      what === "app" ? "give the app's name" : "write it as APP/NAME",
    );
  const [name, ...more] = project.functions;
  if (what === "function" && (name === undefined || more.length > 0))
    throw usage(`Say which function: the project has ${project.functions.join(", ")}`);
  return { app: project.app, name: name ?? "" };
}

/** The names in a project's file, without checking the rest of it: a call needs no perfect file. */
function glance(folder: string): { app: string; functions: string[] } | null {
  const at = findProjectFolder(folder);
  if (at === null) return null;
  const fnFile = readAny(at, fnFiles);
  const kiln = readAny(at, kilnFiles);
  if (kiln !== null)
    return { app: String(kiln["app"] ?? appNameOf(at)), functions: Object.keys((kiln["functions"] ?? {}) as object) };
  const app = readAny(at, ["app.yaml", "app.yml", "app.json"]) ?? readAny(join(at, ".."), ["app.yaml", "app.yml", "app.json"]);
  return { app: String(app?.["name"] ?? appNameOf(at)), functions: [String(fnFile?.["name"] ?? appNameOf(at))] };
}

function readAny(folder: string, names: readonly string[]): Record<string, unknown> | null {
  for (const name of names) {
    try {
      const value: unknown = parse(readFileSync(join(folder, name), "utf8"));
      if (value !== null && typeof value === "object") return value as Record<string, unknown>;
    } catch {
      // Not there, or broken: whoever deploys it hears of that.
    }
  }
  return null;
}
