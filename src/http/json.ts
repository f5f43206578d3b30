import { PlatformError } from "../model/error.ts";

const depthMax = 100;

/**
 * A JSON body. Throws `invalid` that says where the text is wrong, and for what is JSON but harmful: nesting that is too deep to walk
 * through later, and keys named `__proto__`.
 */
export function parseJson(text: string): unknown {
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(text, error as Error);
  }
  // An escape could spell the name too, hence the second word.
  check(value, 0, text.includes("__proto__") || text.includes("\\u"));
  return value;
}

function check(value: unknown, depth: number, mayHideNames: boolean): void {
  if (typeof value !== "object" || value === null) return;
  if (depth >= depthMax) throw new PlatformError("invalid", `The JSON body is nested more than ${depthMax} levels deep`);
  if (mayHideNames && Object.hasOwn(value, "__proto__")) {
    throw new PlatformError("invalid", 'The JSON body has a key "__proto__", which is not allowed');
  }
  for (const inner of Array.isArray(value) ? value : Object.values(value)) check(inner, depth + 1, mayHideNames);
}

function malformed(text: string, cause: Error): PlatformError {
  const position = firstError(text);
  const line = text.slice(0, position).split("\n").length;
  const column = position - text.lastIndexOf("\n", position - 1);
  const found = position < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(position) as number)) : "the end";
  return new PlatformError("invalid", `The body is not valid JSON: ${found} is unexpected at line ${line} column ${column}`, {
    details: { position, line, column },
    cause,
  });
}

const token =
  /[ \t\r\n]*(?:[{}[\],:]|"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** What may come next. */
type Next = "value" | "value or ]" | "key" | "key or }" | ":" | ", or end" | "nothing";

/** Where the grammar breaks. V8 knows, but tells it only for some of the errors. Called for text that JSON.parse refused. */
function firstError(text: string): number {
  const open: string[] = [];
  let next: Next = "value";
  let at = 0;
  for (;;) {
    token.lastIndex = at;
    const match = token.exec(text);
    const start = at + (/^[ \t\r\n]*/.exec(text.slice(at, at + 10_000)) as RegExpExecArray)[0].length;
    if (match === null) return start;
    const following = step(next, text[start] as string, open);
    if (following === undefined) return start;
    next = following;
    at = token.lastIndex;
  }
}

/** What may come after a token that begins with `first`; undefined when it must not stand here. */
function step(next: Next, first: string, open: string[]): Next | undefined {
  const inside = open.at(-1);
  switch (first) {
    case "{":
    case "[":
      if (next !== "value" && next !== "value or ]") return undefined;
      open.push(first);
      return first === "{" ? "key or }" : "value or ]";
    case "}":
    case "]": {
      const fits = first === "}" ? inside === "{" : inside === "[";
      if (!fits || (next !== ", or end" && next !== "key or }" && next !== "value or ]")) return undefined;
      open.pop();
      return open.length === 0 ? "nothing" : ", or end";
    }
    case ",":
      if (next !== ", or end") return undefined;
      return inside === "{" ? "key" : "value";
    case ":":
      return next === ":" ? "value" : undefined;
    default:
      if (next === "key" || next === "key or }") return first === '"' ? ":" : undefined;
      if (next !== "value" && next !== "value or ]") return undefined;
      return open.length === 0 ? "nothing" : ", or end";
  }
}
