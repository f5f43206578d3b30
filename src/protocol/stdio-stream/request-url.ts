import type { FunctionRequest } from "../protocol.ts";

/** What these formats call the URL of the request: with its query where a route was asked for, else that of a call by itself. */
export function requestUrl({ http }: FunctionRequest): string {
  return http?.url ?? "/";
}
