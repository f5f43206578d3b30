/**
 * Turns a code archive and a kind into what a sandbox can start.
 *
 * Promises: code that `addCode` acknowledged is whole and stays so; nothing of an archive is ever written outside its own
 * folder, and a refused one leaves nothing; a root file system is built once, appears whole or not at all, and is shared by
 * every sandbox of its kind. Deliberately absent: starting anything (sandbox/), speaking to the code (protocol/), who may
 * upload (auth/), and how registries are spoken to (oci/).
 */
import type { PlatformError } from "../model/error.ts";
import type { ProtocolName, Source } from "../model/model.ts";

/** What the rest of the platform asks of this room. Made by `openImages` (`local-images.ts`). */
export interface Images {
  /**
   * Everything a sandbox needs to start this code. Cached; simultaneous calls for the same thing share the work, and the first
   * use of a kind may take a while (its root is built). Throws `invalid` (unknown kind, a handler path that is not there),
   * `not_found` (code that was never uploaded), `internal` (a root cannot be built here); for a container image `registry_failed`,
   * `pull_timeout` and `function_start_failed` (what it is to start is not in it).
   * `owner`: id of the function it is for; what was compiled ahead is never another function's, and without one there is none. `revision`: of
   * that function; its image stays what it was when it was first asked for, whatever the tag says later.
   */
  prepare(source: Source, owner?: string, revision?: number): Promise<Prepared>;
  /** A function with this container image was deployed: it is fetched unless this revision had it before. Never rejects. Absent: nothing is fetched. */
  fetchAhead?(source: Source, owner: string, revision: number): Promise<void>;
  /**
   * What a sandbox is started with that gets its code later; null where the kind has no runtime of ours. Each has a place of its
   * own, to be removed with the sandbox. Throws as `prepare`.
   */
  prepareBlank(kind: string): Promise<Blank | null>;
  /** Makes code with many files ready to be put into a `CodePlace`. Best effort: resolves when nothing more is done for it. */
  layOut(prepared: Prepared): Promise<void>;
  /**
   * Checks, unpacks and keeps uploaded bytes: a zip, tar or tar.gz archive, or a single source file or executable with its
   * name. The same upload twice does nothing the second time. Throws `invalid` naming the entry and why, `too_large`.
   */
  addCode(upload: Upload): Promise<StoredCode>;
  /** Null where it is not there. */
  findCode(digest: string): Promise<StoredCode | null>;
  /** Names of the programs in this code that run beside a function which has it as a layer. Throws `not_found`. */
  extensionsIn(digest: string): Promise<readonly string[]>;
  /** Null where it is not there, or an archive that was not to be kept. */
  codeAsSent(digest: string): Promise<SentCode | null>;
  /**
   * Looks for code that nobody has needed for an hour, and what was compiled from it, and for what is kept of functions that are gone, and removes it; a
   * few folders at a time. False when all were looked at.
   */
  removeUnused(uses: Uses): Promise<boolean>;
  /**
   * What has to be installed for this code, whose packages are named in it and not in it; null: nothing. What is installed for one
   * namespace is never another's. Throws as `prepare`.
   */
  planInstall(source: CodeSource, namespace: string): Promise<InstallPlan | null>;
  readonly kinds: Kinds;
}

/** Code for a language runtime. */
export type CodeSource = Extract<Source, { type: "code" }>;

/** How packages are installed for some code (docs/decisions/0019-dependencies.md). */
export interface InstallPlan {
  /** What `Source.dependencies` is to say. The same packages for the same kind have the same key. */
  readonly key: string;
  /** What installs them, such as npm. */
  readonly manager: string;
  /** How an error begins: what could not be done. */
  readonly failed: string;
  /** Nothing has to be installed any more, and the code can be started with it. Throws `build_failed`. */
  isThere(): Promise<boolean>;
  /** What does it in a sandbox. May take a while at the first time. Throws `internal`. */
  start(): Promise<InstallStart>;
  /** Keeps what the sandbox sent, whole or not at all. Throws `build_failed`. */
  keep(records: AsyncIterable<Buffer>): Promise<void>;
  /** Something is missing although the package manager ended well; `said`: what it printed. */
  isIncomplete(said: string): boolean;
  /** The error for one that failed; `said`: what the package manager printed. */
  failure(said: string): PlatformError;
}

/** What a sandbox that installs is started with, and told in one line. */
export interface InstallStart extends Pick<Prepared, "root" | "code" | "runtime" | "path"> {
  readonly command: readonly string[];
  readonly job: string;
  /** `HOST:PORT` of all that it may connect to. */
  readonly hosts: readonly string[];
}

/** What is still needed. */
export interface Uses {
  /** Whether a revision that is kept has code of this digest; only one of this function (null: of any). */
  code(digest: string, functionId: string | null): Promise<boolean>;
  /** Whether it is there. */
  function(id: string): Promise<boolean>;
}

/** Bytes as a caller sent them; `fileName` decides what a single file is called inside, null when the caller gave none. */
export interface Upload {
  readonly bytes: Buffer;
  readonly fileName: string | null;
  /** An archive is kept as it came, too, for `codeAsSent`. Absent: only what was unpacked of it. */
  readonly keep?: boolean;
}

/** Code as its owner sent it. */
export interface SentCode {
  readonly bytes: Buffer;
  /** Or one file. */
  readonly isArchive: boolean;
}

/** Code that is kept. */
export interface StoredCode {
  /**
   * SHA-256 in hex: of the uploaded bytes of an archive; of the name, a zero byte and the bytes of a single file, because the
   * same bytes under another name are other code.
   */
  readonly digest: string;
  /** Sum of the unpacked files. */
  readonly bytes: number;
  /** Files and links, folders not counted. */
  readonly files: number;
}

/** What a sandbox is started with; the paths in `command`, `path` and `env` are the ones that the code inside sees. */
export interface Prepared {
  /** Host folder that becomes `/`; null where the sandbox has the host's own files. */
  readonly root: string | null;
  /** A container image that the driver's engine has, by its id there, in place of a root. */
  readonly image?: string | undefined;
  /** Host folder that becomes `/function`. */
  readonly code: string | null;
  /** Host folder that becomes `/runtime`: the shim, or what programs of the kind use besides; null when the kind has none. */
  readonly runtime: string | null;
  /** Host folder that becomes `/opt`: what the function's layers hold; absent: there are none. */
  readonly layers?: string;
  /** `PATH` inside. */
  readonly path: string;
  /** What runs our shim of the kind (protocol `frames`); null when the kind has none: its code speaks frames itself. */
  readonly shimCommand: readonly string[] | null;
  /**
   * The code's own program under a protocol: the function's command, else what the kind finds in the code. Throws `invalid`
   * that lists what was looked for.
   */
  command(protocol: ProtocolName): readonly string[];
  /** What the kind adds to the environment, such as `PYTHONPATH`. */
  readonly env: Readonly<Record<string, string>>;
  /** What the interpreter that runs the shim is told of its memory, right behind its name in any command; absent: nothing. */
  readonly memoryOptions?: MemoryOptions;
  /** That interpreter, where there is no shim. */
  readonly interpreter?: string;
  /** Given while later starts would gain from what a sandbox can compile ahead. */
  readonly compilable?: Compilable;
  /** Names of the programs in `/opt/extensions` of an image; absent: none, or nobody knows. */
  readonly extensions?: readonly string[];
  /** Where the program starts; absent: in the code's folder, or in `/` without one. */
  readonly workingFolder?: string;
  /** Who it sees itself as; absent: 1000. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Keeps the root from being removed until the result is called; absent: it never is. To be called at once, by who got this. */
  hold?(): () => void;
}

export type MemoryOptions = (memoryMiB: number, env: Readonly<Record<string, string>>) => readonly string[];

/** How code is compiled ahead of its starts (docs/decisions/0015-deploy-time-preparation.md). */
export interface Compilable {
  /**
   * What does it in a sandbox like the function's; it connects back, as a `callback`, and sends records. Null where nothing would use the
   * result under this protocol.
   */
  command(protocol: ProtocolName): readonly string[] | null;
  /** Keeps what was sent; the next `prepare` has it. False where there was nothing to keep. Throws `function_protocol` for anything but records. */
  keep(records: Buffer): Promise<boolean>;
}

/** What a sandbox without code is started with, as `Prepared` says. */
export interface Blank extends Pick<Prepared, "root" | "runtime" | "path" | "env" | "memoryOptions"> {
  readonly shimCommand: readonly string[];
  /** Becomes `/function`; null where the sandbox has the host's own files, so that its runtime can be told the code's folder. */
  readonly place: CodePlace | null;
}

/** An empty host folder for the code of one sandbox. */
export interface CodePlace {
  readonly folder: string;
  /**
   * Makes the code in this folder appear in the place, in a fraction of a millisecond; once. False, with nothing done, when it
   * has too many files for that and is not laid out yet. Throws when the disk fails; then the place is of no use.
   */
  fill(code: string): boolean;
  remove(): Promise<void>;
}

/** The language runtimes, named `name:version`. */
export interface Kinds {
  list(): readonly KindSummary[];
  /** The full name behind a name, an alias or `name:default`. Throws `invalid` that lists the kinds and the nearest one. */
  resolve(name: string): string;
}

/** A kind as the API shows it. */
export interface KindSummary {
  /** `name:version`. */
  readonly name: string;
  /** Other spellings that `resolve` takes. */
  readonly aliases: readonly string[];
  /** `name:default` and the bare name mean this one. */
  readonly default: boolean;
  readonly protocols: readonly ProtocolName[];
  /** A sentence on what the code is. */
  readonly description: string;
}
