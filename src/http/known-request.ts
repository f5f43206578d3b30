import { AnswerHeads } from "./answer-head.ts";
import type { FastRoute, RequestNotes } from "./http.ts";

/** What follows from the head of a request, found out once for all that are equal to it (`RequestHead.known`). */
export class KnownRequest implements RequestNotes {
  readonly route: FastRoute;
  kept: unknown = undefined;
  readonly answers = new AnswerHeads();

  constructor(route: FastRoute) {
    this.route = route;
  }
}
