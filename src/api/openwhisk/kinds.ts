/** Which kinds of actions there are, by which names. */
import type { RuntimesManifest } from "../../config/runtimes.ts";
import type { Kinds } from "../../image/image.ts";
import { PlatformError } from "../../model/error.ts";
import type { Fn } from "../../model/model.ts";
import { malformed } from "./errors.ts";
import { sequenceKind } from "./sequence.ts";

/** A kind that actions have. */
export interface ActionKind {
  readonly name: string;
  readonly family: string;
  readonly isDefault: boolean;
  readonly isDeprecated: boolean;
  readonly requiresMain: boolean;
  /** The image that runs it; null: our own kind of the name `runs`. */
  readonly image: string | null;
  readonly runs: string;
}

/** What a file of a family's code is called where it was sent as text. Of other families there are no actions. */
const fileNames: Readonly<Record<string, string>> = {
  nodejs: "index.js",
  python: "__main__.py",
  deno: "index.ts",
  bun: "index.ts",
  ruby: "main.rb",
  php: "index.php",
  java: "Main.java",
  go: "main.go",
  rust: "main.rs",
  native: "exec",
};

/** Families whose code may be a program, alone, and what that is called. */
const programFamilies: ReadonlySet<string> = new Set(["go", "rust", "native"]);
const programName = "exec";

/** Versions that OpenWhisk has had, and the kind here that runs what was written for them. */
const olderVersions: Readonly<Record<string, string>> = {
  "nodejs:20": "6 8 10 12 14 16 18",
  "python:3.11": "3.6 3.7 3.8 3.9 3.10 3.12",
  "java:17": "8 11",
  "deno:2": "1",
  "ruby:3.1": "2.5 2.6 2.7 3.0",
  "php:8.2": "7.3 7.4 8.0 8.1",
  "rust:1": "1.34",
  "go:1": "1.11 1.13 1.15 1.17 1.18 1.19 1.20 1.21 1.22",
};

const olderNames: ReadonlyMap<string, string> = new Map(
  Object.entries(olderVersions).flatMap(([kind, versions]) =>
    versions.split(" ").map((version) => [`${familyOf(kind)}:${version}`, kind] as const),
  ),
);

/** Names of versions that OpenWhisk has had and that this kind runs. */
export function olderNamesOf({ runs, image }: ActionKind): string[] {
  return image === null ? [...olderNames].flatMap(([name, kind]) => (kind === runs ? [name] : [])) : [];
}

/** Families whose code names what is called. */
const mainFamilies: ReadonlySet<string> = new Set(["java"]);

export const blackboxKind = "blackbox";

export class ActionKinds {
  readonly #kinds: Kinds;
  readonly #offered: readonly ActionKind[];
  /** Names of kinds that functions may have and that nothing is offered for any longer. */
  readonly #deprecated: ReadonlySet<string>;

  /** Our own kinds, unless a manifest says what is offered. */
  constructor(kinds: Kinds, manifest: RuntimesManifest) {
    this.#kinds = kinds;
    this.#offered = manifest.length === 0 ? ownKinds(kinds) : kindsOf(manifest, kinds);
    const inUse = new Set(this.#offered.filter(({ isDeprecated }) => !isDeprecated).map(({ runs }) => runs));
    this.#deprecated = new Set(this.#offered.map(({ runs }) => runs).filter((runs) => !inUse.has(runs)));
  }

  list(): readonly ActionKind[] {
    return this.#offered;
  }

  /** The kind of this name, of an older one, or `family:default`. Throws `Refusal`, or `unsupported` for one that is deprecated. */
  find(wanted: string): ActionKind {
    const name = wanted.trim().toLowerCase();
    const found = this.#named(name) ?? this.#offered.find(({ runs }) => runs === resolved(name, this.#kinds));
    if (found === undefined) throw this.#unknown(name);
    if (found.isDeprecated) throw deprecated(found.name);
    return found;
  }

  /** Throws `unsupported` for a function whose kind is deprecated. */
  checkInUse(fn: Pick<Fn, "source">): void {
    // Each call comes by here, and mostly there are none.
    if (this.#deprecated.size === 0 || fn.source.type === "sequence") return;
    const { kind } = fn.source;
    if (kind !== undefined && this.#deprecated.has(kind)) throw deprecated(kind);
  }

  /** What was found to be called, unless its kind is not supported any longer: then it throws or rejects. */
  inUse<Found extends { readonly fn: Pick<Fn, "source"> }>(found: Found | Promise<Found>): Found | Promise<Found> {
    if (found instanceof Promise) return found.then((each) => this.inUse(each));
    this.checkInUse(found.fn);
    return found;
  }

  #named(name: string): ActionKind | undefined {
    const family = /^([^:]*)(?::default)?$/.exec(name)?.[1];
    return this.#offered.find((kind) => kind.name === name || (kind.isDefault && kind.family === family));
  }

  #unknown(name: string) {
    const valid = [...this.#offered.map((kind) => kind.name), sequenceKind, blackboxKind].map((each) => `'${each}'`);
    return malformed(`The specified runtime '${name}' is not supported by this platform. Valid values are: ${valid.join(", ")}.`);
  }
}

/** Of code of this kind that was sent as text. */
export function fileNameOf(kind: string): string | null {
  return fileNames[familyOf(kind)] ?? null;
}

/** Of code of this kind that was sent in base64 and is no archive; null: it says so itself. */
export function programNameOf(kind: string): string | null {
  return programFamilies.has(familyOf(kind)) ? programName : null;
}

function ownKinds(kinds: Kinds): readonly ActionKind[] {
  return kinds
    .list()
    .filter(({ name }) => Object.hasOwn(fileNames, familyOf(name)))
    .map(({ name, default: isDefault }) => ({
      name,
      family: familyOf(name),
      isDefault,
      isDeprecated: false,
      requiresMain: mainFamilies.has(familyOf(name)),
      image: null,
      runs: name,
    }));
}

/** A kind that we have ourselves, under this name or an older one, is ours; any other is its image. */
function kindsOf(manifest: RuntimesManifest, kinds: Kinds): readonly ActionKind[] {
  return manifest.map(({ kind, family, isDefault, isDeprecated, requiresMain, image }) => {
    const own = resolved(kind, kinds);
    const isOurs = own !== null && Object.hasOwn(fileNames, familyOf(own));
    return {
      name: kind,
      family,
      isDefault,
      isDeprecated,
      requiresMain,
      image: isOurs ? null : (image ?? kind),
      runs: isOurs ? own : kind,
    };
  });
}

/** The kind of ours behind a name, also an older one. */
function resolved(name: string, kinds: Kinds): string | null {
  try {
    return kinds.resolve(olderNames.get(name) ?? name);
  } catch {
    return null;
  }
}

function familyOf(kind: string): string {
  return kind.slice(0, kind.indexOf(":"));
}

function deprecated(kind: string) {
  return new PlatformError(
    "unsupported",
    `The '${kind}' runtime is no longer supported. You may read and delete but not update or invoke this action.`,
    { details: { what: "kind" } },
  );
}
