/**
 * What went wrong with an exchange. `closed`: the peer closed too early. `unsent`: it had closed before it took a byte of the
 * request, so the request can be sent again elsewhere. `garbage`: what came is not HTTP. `head_too_large`: over a limit.
 */
export type Http1ErrorKind = "closed" | "unsent" | "garbage" | "head_too_large";

/** A failed exchange; the message is safe to show. */
export class Http1Error extends Error {
  readonly kind: Http1ErrorKind;

  constructor(kind: Http1ErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "Http1Error";
    this.kind = kind;
  }
}
