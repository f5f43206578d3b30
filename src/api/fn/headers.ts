/** Which headers of a function its callers see. */
import { endToEndHeaders } from "../../http/headers.ts";

/** Said by us: the length and the date by the listener, the call's id beside these. */
const ours: ReadonlySet<string> = new Set(["content-length", "date", "fn-call-id"]);

/**
 * Of the answer to a direct invocation: everything but what concerns one connection only. Its status is Fn's; one of the function's
 * own travels as the kits send it.
 */
export function invokeHeaders(status: number, headers: readonly string[]): string[] {
  const visible = endToEndHeaders(headers, ours);
  if (status !== 200) visible.push("Fn-Http-Status", String(status));
  return visible;
}

/** Of the answer of a trigger, whose callers need not know that Fn is behind the URL: no `Fn-` header. */
export function triggerHeaders(headers: readonly string[]): string[] {
  const endToEnd = endToEndHeaders(headers, ours);
  const visible: string[] = [];
  for (let i = 0; i < endToEnd.length; i += 2) {
    const name = endToEnd[i] as string;
    if (!/^fn-/i.test(name)) visible.push(name, endToEnd[i + 1] as string);
  }
  return visible;
}
