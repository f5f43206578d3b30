import { editSteps } from "../lib/nearest.ts";
import { PlatformError } from "../model/error.ts";
import { type ProtocolName, protocolNames } from "../model/model.ts";
import type { KindSummary, Kinds } from "./image.ts";
import type { NodeMajor } from "./roots/node-binary.ts";
import {
  baseRoot,
  bunRoot,
  denoRoot,
  emptyRoot,
  javaRoot,
  phpRoot,
  providedRoot,
  pythonRoot,
  type RootRecipe,
  rubyRoot,
} from "./roots/recipes.ts";

/** A kind and how its sandboxes come about. */
export interface Kind extends KindSummary {
  readonly runtime: Runtime;
}

/** What stands behind a kind; `family` picks the programs in `programs/`. */
type Runtime =
  | { readonly family: "nodejs"; readonly major: NodeMajor }
  | { readonly family: "python"; readonly root: RootRecipe }
  | { readonly family: "java"; readonly root: RootRecipe }
  | { readonly family: "shim"; readonly root: RootRecipe; readonly shim: Shim }
  | {
      readonly family: "executable";
      readonly root: RootRecipe;
      readonly staticOnly: boolean;
      readonly compiler: Compiler | null;
    };

/** What makes programs of sources. */
type Compiler = "go" | "cargo";

/** Our part of a kind that serves plain handlers and nothing besides. */
export interface Shim {
  /** Below `runtimes/`. */
  readonly folder: string;
  /** Looked up in `PATH`; the file is in that folder. */
  readonly interpreter: readonly string[];
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

const everyProtocol: readonly ProtocolName[] = protocolNames;

function scripted(name: string, description: string, root: RootRecipe, shim: Shim): Kind {
  const runtime = { family: "shim", root, shim } as const;
  return { name, aliases: [], default: true, protocols: everyProtocol, description, runtime };
}

function nodejs(major: NodeMajor, isDefault: boolean, note: string): Kind {
  return {
    name: `nodejs:${major}`,
    aliases: [],
    default: isDefault,
    protocols: everyProtocol,
    description: `JavaScript on Node ${major}${note}`,
    runtime: { family: "nodejs", major },
  };
}

/** Every kind there is, the default of a family first. */
const table: readonly Kind[] = [
  nodejs("24", true, ""),
  nodejs("22", false, ", fetched at first use"),
  nodejs("20", false, ", fetched at first use"),
  {
    name: "python:3.11",
    aliases: ["python:3"],
    default: true,
    protocols: everyProtocol,
    description: "Python 3.11 with its standard library",
    runtime: { family: "python", root: pythonRoot },
  },
  {
    name: "java:17",
    aliases: [],
    default: true,
    // The first one is what a function gets that names none.
    protocols: ["http-stream", ...everyProtocol.filter((name) => name !== "http-stream")],
    description: "Classes or jars on Java 17: a handler CLASS::METHOD with Fn's kit, or any program",
    runtime: { family: "java", root: javaRoot },
  },
  scripted("deno:2", "JavaScript and TypeScript on Deno 2, fetched at first use", denoRoot, {
    folder: "nodejs",
    interpreter: ["deno", "run", "--allow-all", "--no-prompt", "--quiet"],
    file: "main.cjs",
    env: { DENO_DIR: "/tmp/deno", DENO_NO_UPDATE_CHECK: "1" },
  }),
  scripted("bun:1", "JavaScript and TypeScript on Bun 1, fetched at first use", bunRoot, {
    folder: "nodejs",
    interpreter: ["bun"],
    file: "main.cjs",
    env: {},
  }),
  scripted("ruby:3.1", "Ruby 3.1 with its standard library", rubyRoot, {
    folder: "ruby",
    interpreter: ["ruby", "--disable=did_you_mean,error_highlight"],
    file: "main.rb",
    env: {},
  }),
  scripted("php:8.2", "PHP 8.2 with curl and mbstring", phpRoot, {
    folder: "php",
    interpreter: ["php", "-d", "extension=curl", "-d", "extension=mbstring"],
    file: "main.php",
    env: {},
  }),
  {
    name: "go:1",
    aliases: [],
    default: true,
    protocols: everyProtocol,
    description: "A static program (CGO_ENABLED=0) in an otherwise empty file system",
    runtime: { family: "executable", root: emptyRoot, staticOnly: true, compiler: "go" },
  },
  {
    name: "rust:1",
    aliases: [],
    default: true,
    protocols: everyProtocol,
    description: "A program for Linux with a C library, as Rust makes them; actions may be sources",
    runtime: { family: "executable", root: baseRoot, staticOnly: false, compiler: "cargo" },
  },
  {
    name: "native:1",
    aliases: [],
    default: true,
    protocols: everyProtocol,
    description: "Any program or script for Linux, with a C library and a shell",
    runtime: { family: "executable", root: baseRoot, staticOnly: false, compiler: null },
  },
  {
    name: "provided:1",
    aliases: [],
    default: true,
    // The first one is what a function gets that names none.
    protocols: ["runtime-api", ...everyProtocol.filter((name) => name !== "runtime-api")],
    description: "A program `bootstrap` that polls Lambda's Runtime API, with a C library, a shell and curl",
    runtime: { family: "executable", root: providedRoot, staticOnly: false, compiler: null },
  },
];

const byName = new Map<string, Kind>();
for (const kind of table) {
  for (const name of [kind.name, ...kind.aliases]) byName.set(name, kind);
  const family = kind.name.slice(0, kind.name.indexOf(":"));
  if (kind.default) for (const name of [family, `${family}:default`]) byName.set(name, kind);
}

/** The kind behind a name. Throws `invalid`. */
export function findKind(name: string): Kind {
  const kind = byName.get(name);
  if (kind) return kind;
  const nearest = nearestName(name);
  const guess = nearest === null ? "" : ` Did you mean ${nearest}?`;
  const all = table.map((known) => known.name).join(", ");
  throw new PlatformError("invalid", `Kind ${JSON.stringify(name.slice(0, 64))} is unknown.${guess} The kinds are: ${all}`, {
    details: { kinds: table.map((known) => known.name), nearest },
  });
}

/** The part of this file that other rooms see. */
export const kinds: Kinds = {
  list: () =>
    table.map(({ name, aliases, default: isDefault, protocols, description }) => ({
      name,
      aliases,
      default: isDefault,
      protocols,
      description,
    })),
  resolve: (name) => findKind(name).name,
};

/** A name that one may have meant: few letters away, or the default of the family it begins with. */
function nearestName(name: string): string | null {
  const wanted = name.toLowerCase().slice(0, 64);
  const family = /^[a-z]+/.exec(wanted)?.[0] ?? "";
  const relatives: Readonly<Record<string, string>> = {
    node: "nodejs:24",
    js: "nodejs:24",
    py: "python:3.11",
    golang: "go:1",
    jvm: "java:17",
    jdk: "java:17",
  };
  const best = [...byName.keys()]
    .map((known) => ({ known, steps: editSteps(wanted, known) }))
    .toSorted((a, b) => a.steps - b.steps)[0];
  if (best && best.steps <= Math.min(2, wanted.length / 3)) return findKind(best.known).name;
  const relative = relatives[family] ?? family;
  return byName.get(relative)?.name ?? null;
}
