/**
 * Keeps pages that functions answer with from acting as the platform's own. They come from the host and port of the console and the
 * API, and a browser lets a page do whatever its origin may, which on loopback needs no key. So what a browser may show as a document is
 * sent with a policy that gives it an origin of its own, equal to none: it reads nothing of ours, and what it changes says `Origin: null`,
 * which `site.ts` refuses.
 */
export type FunctionOrigin = "sandboxed" | "shared";

/** Everything a sandbox of browsers can allow that does not lead out of it: above all not `allow-same-origin`. */
const policy = "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads";

/**
 * Types that no browser shows as a document in which scripts run. All others may be: HTML, every XML (SVG is one), types of which the
 * browser knows nothing, and so looks at the bytes, and several types at once.
 */
const harmless =
  /^(?:application\/(?:json|javascript|octet-stream|pdf|zip|gzip|wasm|x-ndjson|[\w.-]+\+json)|text\/(?:plain|css|csv|javascript|event-stream)|(?:image|audio|video|font)\/[\w.-]+)\s*(?:;[^,]*)?$/i;

/** Adds the policy to the headers of a function's answer where it is needed; beside one of the function's own the stricter counts. */
export function sandboxDocument(headers: string[]): void {
  let typed = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 12 || name.toLowerCase() !== "content-type") continue;
    typed = isHarmless(headers[i + 1] as string);
    if (!typed) break;
  }
  if (!typed) headers.push("Content-Security-Policy", policy);
}

function isHarmless(type: string): boolean {
  return type === "application/json" || harmless.test(type);
}
