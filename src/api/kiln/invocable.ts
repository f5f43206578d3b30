import { sandboxDocument } from "../../http/function-origin.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { HttpRequest } from "../../http/http.ts";
import type { FunctionReference } from "../../invocation/invocation.ts";
import { PlatformError } from "../../model/error.ts";
import { invalid } from "./check.ts";
import { nullApp } from "./door.ts";
import { invokePath } from "./invoke-path.ts";
import type { KilnParts } from "./kiln.ts";

/** What a request asks to be invoked, and what of an answer's headers its caller sees. The same for requests with equal heads. */
export class Invocable {
  readonly namespace: string;
  readonly target: FunctionReference;
  readonly headers: readonly string[];
  readonly wait: "result" | "none";
  readonly #isSandboxed: boolean;
  /** Of the last answer: mostly the next one has the same list. */
  #given: readonly string[] | null = null;
  #visible: readonly string[] = [];

  /** Throws `invalid` on a path or query that means nothing. */
  constructor({ functionOrigin }: Pick<KilnParts, "functionOrigin">, request: HttpRequest) {
    const { wait, revision } = optionsOf(request);
    const { namespace, target } = targetOf(request.path, revision);
    this.wait = wait;
    this.namespace = namespace;
    this.target = target;
    this.headers = endToEndHeaders(request.headers, credentialHeaders);
    this.#isSandboxed = functionOrigin !== "shared";
  }

  /** The headers of an answer that the caller sees, besides the activation's id. */
  visible(given: readonly string[]): readonly string[] {
    if (given === this.#given) return this.#visible;
    const visible = endToEndHeaders(given);
    if (this.#isSandboxed) sandboxDocument(visible);
    this.#visible = visible;
    this.#given = given;
    return visible;
  }
}

function targetOf(path: string, revision: number | undefined): { namespace: string; target: FunctionReference } {
  const match = invokePath.exec(path) as RegExpExecArray;
  const [namespace, app, name] = match.slice(1).map(decoded) as [string, string, string];
  return { namespace, target: { by: "name", app: app === nullApp ? null : app, name, revision } };
}

/** A part of a path. Throws `invalid`. */
export function decoded(part: string): string {
  try {
    return part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    throw new PlatformError("invalid", `The path has a percent sign that begins no character: ${part.slice(0, 60)}`);
  }
}

interface InvokeOptions {
  readonly wait: "result" | "none";
  readonly revision: number | undefined;
}

const noOptions: InvokeOptions = { wait: "result", revision: undefined };

function optionsOf({ target, path }: HttpRequest): InvokeOptions {
  if (target.length === path.length) return noOptions;
  const query = new URLSearchParams(target.slice(path.length));
  const wait = query.get("wait") ?? "result";
  if (wait !== "result" && wait !== "none")
    throw invalid("wait", `query wait is ${JSON.stringify(wait.slice(0, 60))}, must be result or none`);
  const revision = query.get("revision") ?? undefined;
  if (revision !== undefined && !/^[1-9]\d{0,14}$/.test(revision))
    throw invalid("revision", `query revision is ${JSON.stringify(revision.slice(0, 60))}, must be a whole number from 1`);
  return { wait, revision: revision === undefined ? undefined : Number(revision) };
}
