/** Which pages may read an answer: of every origin, as a web action is for everybody. */
import { webMethods } from "./paths.ts";

const usualHeaders = "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent";

/** `asked`: the headers that a page wants to send. */
export function corsHeaders(asked: string | undefined): readonly string[] {
  return [
    "Access-Control-Allow-Origin",
    "*",
    "Access-Control-Allow-Methods",
    webMethods.join(", "),
    "Access-Control-Allow-Headers",
    asked ?? usualHeaders,
  ];
}

/** With those of `cors` that the action does not say itself: a browser takes no header of them twice. */
export function withCors(headers: readonly string[], cors: readonly string[]): string[] {
  const all = [...headers];
  for (let i = 0; i < cors.length; i += 2) {
    const name = cors[i] as string;
    if (!hasHeader(headers, name)) all.push(name, cors[i + 1] as string);
  }
  return all;
}

function hasHeader(headers: readonly string[], name: string): boolean {
  const { length } = name;
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length === length && candidate.toLowerCase() === name.toLowerCase()) return true;
  }
  return false;
}
