import { exitOf } from "../answer-failure.ts";
import { exits, Failure } from "../failure.ts";

/** What the process that makes images says when it cannot. */
export interface BuildFailed {
  /** Function; null: before the first. */
  readonly name: string | null;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The end of a command whose image could not be made or sent. `said`: what the process printed last. */
export function asFailure(failed: BuildFailed | undefined, said: string): Failure {
  if (failed === undefined) {
    return new Failure({
      code: "E_INTERNAL",
      exit: exits.failed,
      what: "The program that makes images ended in the middle",
      why: said.trim().split("\n").at(-1),
      fix: "run it again with --debug and report what it prints",
    });
  }
  const { name, code, message, details } = failed;
  if (code === "registry_failed") return registryFailure(name, message, details);
  const output = typeof details["output"] === "string" ? details["output"] : "";
  return new Failure({
    code: details["reason"] === "disk" ? "E_DISK_FULL" : `E_${code.toUpperCase()}`,
    exit: exitOf(code),
    what: `The image of ${name ?? "the project"} could not be made`,
    frame: output === "" ? undefined : output.replaceAll(/^/gm, "  | "),
    why: message,
  });
}

function registryFailure(name: string | null, why: string, { status }: BuildFailed["details"]): Failure {
  const isDenied = status === 401 || status === 403;
  return new Failure({
    code: "E_REGISTRY",
    exit: isDenied ? exits.denied : status === undefined ? exits.unreachable : exits.failed,
    what: `The image of ${name ?? "the project"} could not be sent to its registry`,
    why,
    fix: isDenied
      ? "write the registry's user and password into Docker's config.json (docker login does), or take another --registry"
      : "check that the registry runs, and the name in --registry; one without TLS on another machine has to be named as such",
  });
}
