/** What functions declare by annotations of the platform's own, which every client of every door can write. */
import type { Annotations, ProtocolName } from "./model.ts";

/**
 * Keys. `path`: where `/r/{app}` leads to the function; `type`: `async` where nobody waits for its calls; `format`: how the platform
 * speaks to an image (`formatProtocols`).
 */
export const declared = { path: "polykiln/path", type: "polykiln/type", format: "polykiln/format" } as const;

/** What Fn calls a format, as a function's protocol. */
export const formatProtocols: Readonly<Record<string, ProtocolName>> = {
  "http-stream": "http-stream",
  default: "stdio",
  http: "stdio-http",
  json: "stdio-json",
  cloudevent: "stdio-cloudevent",
};

/** The text that an annotation declares; undefined where there is none, or where it is no text. */
export function declaredText(annotations: Annotations, key: string): string | undefined {
  const json = annotations[key];
  // Annotations are JSON as it came.
  return json?.startsWith('"') ? (JSON.parse(json) as string) : undefined;
}
