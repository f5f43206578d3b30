import type { FastRoute, RequestNotes } from "../http.ts";
import type { LinkRequestHead } from "./heads.ts";
import { CommonHead } from "./result-heads.ts";

/** A head and what follows from it, for all requests that have it. */
export class KnownHead implements RequestNotes {
  readonly head: LinkRequestHead;
  readonly route: FastRoute | undefined;
  readonly common = new CommonHead();
  kept: unknown = undefined;

  constructor(head: LinkRequestHead, route: FastRoute | undefined) {
    this.head = head;
    this.route = route;
  }
}
