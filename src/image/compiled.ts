import { basename, dirname } from "node:path";
import { layersOf } from "../model/layer.ts";
import type { ProtocolName, StartableSource } from "../model/model.ts";
import type { CompiledKey, CompiledStore } from "./code/compiled-store.ts";
import type { Prepared, StoredCode } from "./image.ts";
import type { Kind } from "./kinds.ts";
import type { Layout } from "./layout.ts";

/** Rises when runtimes make or read something else than before. */
const formatVersion = 1;

/** Smaller code compiles in less time than it takes to read what would be kept of it. */
const worthBytesMin = { nodejs: 32 * 1024, python: 4 * 1024 } as const;
const worthFilesMin = 8;

/** Code in a root of ours, as it was looked up. */
export interface CompilableCode {
  /** Id of the function. */
  readonly owner: string;
  readonly source: Exclude<StartableSource, { type: "image" }>;
  readonly kind: Kind;
  readonly stored: StoredCode;
  readonly layout: Layout;
}

/** What it starts as, with what was compiled ahead where there is some; otherwise with how that would be made. */
export async function withCompiled(prepared: Prepared, code: CompilableCode, store: CompiledStore): Promise<Prepared> {
  if (!isWorthIt(code)) return prepared;
  const key = keyOf(prepared, code);
  // A disk that fails here must not keep the code from starting as it is.
  const folder = await store.find(key).catch(() => null);
  if (folder !== null) return { ...prepared, code: folder };
  const compilable = {
    command: (protocol: ProtocolName) => commandOf(protocol, code),
    keep: (records: Buffer) => store.add(key, prepared.code as string, records),
  };
  return { ...prepared, compilable };
}

function isWorthIt({ kind, stored, source }: CompilableCode): boolean {
  const { family } = kind.runtime;
  // With folders of modules beside the code Node's part would not be used.
  if (family === "nodejs" && layersOf(source).length > 0) return false;
  if ((family !== "nodejs" && family !== "python") || source.type !== "code") return false;
  return stored.bytes >= worthBytesMin[family] || stored.files >= worthFilesMin;
}

/** A root's folder is named after all that is in it, the interpreter too. */
function keyOf(prepared: Prepared, { owner, source, kind }: CompilableCode): CompiledKey {
  const [handler, dependencies] = source.type === "code" ? [source.handler, source.dependencies ?? null] : [null, null];
  const root = basename(dirname(prepared.root ?? ""));
  const parts = [formatVersion, kind.name, root, source.digest, dependencies, handler, ...lambdaOf(source)];
  return { owner, code: source.digest, parts };
}

/** Where the code is seen and how its handler is found depend on it. */
function lambdaOf(source: CompilableCode["source"]): string[] {
  return source.type === "code" && source.convention === "lambda" ? ["lambda"] : [];
}

/** Python's sources are compiled one by one, whoever runs them; Node's are loaded by our shim, as a handler that gets events is. */
function commandOf(protocol: ProtocolName, { source, kind, layout }: CompilableCode): readonly string[] | null {
  if (source.type !== "code") return null;
  if (kind.runtime.family === "python") return [layout.python, "-I", `${layout.runtime}/compile.py`];
  const isOurs =
    kind.runtime.family === "nodejs" && protocol === "frames" && source.command === null && source.convention !== "parameters";
  return isOurs ? [layout.node, `${layout.runtime}/compile.cjs`, source.handler ?? "", ...lambdaOf(source)] : null;
}
