/**
 * JSON as text: finds values and members without parsing them away, so that `1.50`, numbers of 20 digits and the order of keys
 * stay as they were written. The grammar itself is left to JSON.parse.
 */

/**
 * The first JSON value of a text, without the white space between its tokens; whatever follows the value is ignored.
 * Undefined when there is none or it breaks the grammar.
 */
export function firstJsonValue(text: string): string | undefined {
  const start = skipSpace(text, 0);
  const end = endOfValue(text, start);
  if (end === undefined) return undefined;
  const value = text.slice(start, end);
  try {
    JSON.parse(value);
  } catch {
    return undefined;
  }
  return compactJson(value);
}

/** A valid JSON text without the white space between its tokens; the tokens themselves are untouched. */
export function compactJson(json: string): string {
  let compact = "";
  let at = 0;
  while (at < json.length) {
    if (json[at] === '"') {
      const end = endOfString(json, at) ?? json.length;
      compact += json.slice(at, end);
      at = end;
    } else if (isSpace(json.charCodeAt(at))) {
      at++;
    } else {
      const end = endOfPlain(json, at);
      compact += json.slice(at, end);
      at = end;
    }
  }
  return compact;
}

/** The members of a compact, valid JSON object in the order they stand, duplicates included: decoded name, raw text. */
export function jsonMembers(object: string): [name: string, text: string][] {
  const members: [string, string][] = [];
  let at = 1;
  while (at < object.length - 1) {
    const nameEnd = endOfString(object, at) as number;
    const valueEnd = endOfValue(object, nameEnd + 1) as number;
    members.push([JSON.parse(object.slice(at, nameEnd)) as string, object.slice(nameEnd + 1, valueEnd)]);
    at = valueEnd + 1;
  }
  return members;
}

/** Where the value that begins at `start` ends; undefined when the text ends before it. */
function endOfValue(text: string, start: number): number | undefined {
  const first = text[start];
  if (first === undefined) return undefined;
  if (first === '"') return endOfString(text, start);
  if (first === "{" || first === "[") return endOfNested(text, start);
  return endOfScalar(text, start);
}

/** Counts brackets without telling them apart: a text that mixes them fails in JSON.parse, however it is cut. */
function endOfNested(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (end === undefined) return undefined;
      at = end - 1;
    } else if (character === "{" || character === "[") {
      depth++;
    } else if (character === "}" || character === "]") {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === '"') return at + 1;
  }
  return undefined;
}

function endOfScalar(text: string, start: number): number {
  for (const word of ["null", "true", "false"]) if (text.startsWith(word, start)) return start + word.length;
  let at = start;
  while (at < text.length && /[-+.0-9eE]/.test(text[at] as string)) at++;
  return at;
}

/** The run of characters that are neither white space nor a string. */
function endOfPlain(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"' && !isSpace(json.charCodeAt(at))) at++;
  return at;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}
