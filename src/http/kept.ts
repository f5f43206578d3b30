import type { HttpRequest } from "./http.ts";

/** What follows from a request's head and `parts` alone: made once for all requests that are equal in their heads. `make` is to be no closure: each call comes by here. */
export function keptOf<Parts, Made>(
  request: HttpRequest,
  parts: Parts,
  make: (request: HttpRequest, parts: Parts) => Made,
): Made {
  const { notes } = request;
  if (notes === undefined) return make(request, parts);
  notes.kept ??= make(request, parts);
  return notes.kept as Made;
}
