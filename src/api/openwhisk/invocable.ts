/** What a request asks to be called, and how it wants to wait: from the head alone, so equal requests share it. */
import type { Caller } from "../../auth/auth.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { HttpRequest } from "../../http/http.ts";
import type { FunctionReference } from "../../invocation/invocation.ts";
import { badTimeout } from "./errors.ts";
import { entitled, ownNamespaceOf } from "./callers.ts";
import { invokePath } from "./invoke-path.ts";
import { waitMs } from "./limits.ts";
import { type ActionName, nameIn, namespaceIn, ownNamespace, pathOf } from "./names.ts";
import { flag } from "./query.ts";
import { givenTransaction } from "./reply.ts";

export class Invocable {
  /** What the code sees. */
  readonly headers: readonly string[];
  readonly blocking: boolean;
  /** Only the result is answered, and not the record. */
  readonly resultOnly: boolean;
  readonly waitMs: number;
  readonly contentType: string | undefined;
  /** What the caller calls its request; undefined: it left that to us. */
  readonly transaction: string | undefined;
  readonly #asked: string;
  readonly #action: ActionName;
  /** Of the last caller that was entitled: mostly the next one is the same. */
  #caller: Caller | null = null;
  #namespace = "";
  #target: FunctionReference;

  /** Throws `Refusal`. */
  constructor(request: HttpRequest) {
    const [ns, pkg, name] = (invokePath.exec(request.path) as RegExpExecArray).slice(1) as [string, string | undefined, string];
    this.#asked = namespaceIn(ns);
    this.#action = { pkg: pkg === undefined ? null : nameIn(pkg), name: nameIn(name) };
    this.#target = { by: "name", app: this.#action.pkg, name: this.#action.name };
    const query = new URLSearchParams(request.target.slice(request.path.length));
    this.blocking = flag(query, "blocking");
    this.resultOnly = flag(query, "result");
    this.waitMs = waitOf(query);
    this.headers = endToEndHeaders(request.headers, credentialHeaders);
    this.contentType = request.header("content-type");
    this.transaction = givenTransaction(request);
  }

  /** For the caller that `namespaceOf` was asked of last. */
  get target(): FunctionReference {
    return this.#target;
  }

  /** The namespace in which the caller may call it: always one of the caller's own. Throws `Refusal`. */
  namespaceOf(caller: Caller): string {
    if (caller === this.#caller) return this.#namespace;
    const { pkg, name } = this.#action;
    const asked = this.#asked;
    this.#namespace = pkg === null ? entitled(caller, asked, name) : ownNamespaceOf(caller, `${asked}/${pathOf(this.#action)}`);
    // What another namespace shares is found with the package.
    const provider = asked === ownNamespace || asked === this.#namespace ? undefined : asked;
    this.#target = { by: "name", app: pkg, name, provider };
    this.#caller = caller;
    return this.#namespace;
  }
}

function waitOf(query: URLSearchParams): number {
  const text = query.get("timeout");
  if (text === null) return waitMs.max;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (ms < waitMs.min || ms > waitMs.max) throw badTimeout(waitMs.max);
  return ms;
}
