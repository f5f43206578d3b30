/**
 * Says who is calling and what they may do.
 *
 * Promises: a credential that is given must be right, even where none is needed; secrets are kept and compared as hashes, in
 * constant time; what a caller may not see looks exactly like what is not there. Deliberately absent: sessions, roles within a
 * namespace, how a door spells a refusal (api/), and web pages that abuse loopback (http/).
 */

/** Who asks. `namespaces` null: every one (loopback without a credential). */
export interface Caller {
  readonly name: string;
  readonly namespaces: readonly string[] | null;
}

/** What is needed of a request; every HTTP request type of ours has it. */
export interface Credentials {
  /** First value of a header; `name` in lower case. */
  header(name: string): string | undefined;
  /** The peer is this machine and the listener is bound to loopback, or the operator trusts its address as much. */
  readonly loopback: boolean;
}

/** Finds out who is calling. */
export interface Identifier {
  /** Answers at once where it can: without a credential, or with one that was checked a moment ago. Throws or rejects with `unauthenticated`. */
  identify(credentials: Credentials): Caller | Promise<Caller>;
  /** A key was removed: it is refused from now on. */
  forget(keyId: string): void;
}
