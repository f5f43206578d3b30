/** Packages that a deploy installs before its revision is there. */
import { PlatformError } from "../../model/error.ts";
import type { Fn, Source } from "../../model/model.ts";
import type { KilnParts } from "./kiln.ts";

/** What was installed for a source; `dependencies` null: nothing had to be. */
export interface Installed {
  readonly source: Source;
  readonly dependencies: string | null;
}

/**
 * Installs what the code of a change needs, which takes as long as it takes; null where code and settings of the installation stay as they are.
 * `isDeploy`: code came with the change. Throws `build_failed`, `cancelled` when the signal says that nobody waits for it.
 */
export async function installFor(
  parts: Pick<KilnParts, "install">,
  { source, stored, namespace, isDeploy }: InstallRequest,
  signal: AbortSignal,
): Promise<Installed | null> {
  // The same code again is looked at again: what was installed for it may have been lost.
  const asks = isDeploy || stored === null || !isAlike(source, stored.source);
  if (parts.install === undefined || source.type !== "code" || !asks) return null;
  return { source, dependencies: await parts.install(source, namespace, signal) };
}

export interface InstallRequest {
  readonly source: Source;
  readonly stored: Fn | null;
  readonly namespace: string;
  readonly isDeploy: boolean;
}

/**
 * The source with what was installed for it, or for the stored one that it is like. Throws `conflict` when somebody changed the function
 * meanwhile, so that it is about other code.
 */
export function withDependencies(source: Source, stored: Source | null, installed: Installed | null): Source {
  if (source.type !== "code") return source;
  if (installed !== null && isAlike(source, installed.source)) return joined(source, installed.dependencies);
  if (stored?.type === "code" && isAlike(source, stored)) return joined(source, stored.dependencies ?? null);
  if (installed === null) return source;
  throw new PlatformError(
    "conflict",
    "The function was changed by somebody else while its packages were installed: deploy it again",
  );
}

function joined(source: Extract<Source, { type: "code" }>, dependencies: string | null): Source {
  return dependencies === null ? source : { ...source, dependencies };
}

/** Whether both need the same packages. */
function isAlike(one: Source, other: Source): boolean {
  if (one.type !== "code" || other.type !== "code") return false;
  return one.kind === other.kind && one.digest === other.digest && (one.install ?? "auto") === (other.install ?? "auto");
}
