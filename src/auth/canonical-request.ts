/** The parts of a request as version 4 of AWS's signatures wants them written. */

/** A path, encoded once more than it was sent. */
export function canonicalPath(path: string): string {
  return (needsNormal.test(path) ? normalized(path) : path).replaceAll(reserved, percent);
}

const reserved = /[^A-Za-z0-9\-._~/]/g;
const needsNormal = /\/[./]/;

/** Without empty segments and those that lead elsewhere. */
function normalized(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  return `/${kept.join("/")}${kept.length > 0 && path.endsWith("/") ? "/" : ""}`;
}

/** `query`: without the question mark. By name, then by value. */
export function canonicalQuery(query: string): string {
  if (query === "") return "";
  const pairs = query.split("&").map((pair): readonly [string, string] => {
    const equals = pair.indexOf("=");
    const [name, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return [encodedOnce(name), encodedOnce(value)];
  });
  return pairs
    .toSorted(([name, value], [otherName, otherValue]) => compared(name, otherName) || compared(value, otherValue))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function compared(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/** However much of it was encoded before. */
function encodedOnce(text: string): string {
  return encodeURIComponent(decoded(text)).replaceAll(/[!'()*]/g, percent);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** `names`: in lower case, in the order in which they were signed. One that is not there is empty. */
export function canonicalHeaders(headers: readonly string[], names: readonly string[]): string {
  let text = "";
  for (const name of names) text += `${name}:${valueOf(headers, name)}\n`;
  return text;
}

function valueOf(headers: readonly string[], name: string): string {
  let value: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    const trimmed = (headers[i + 1] as string).trim().replaceAll(/\s+/g, " ");
    value = value === undefined ? trimmed : `${value},${trimmed}`;
  }
  return value ?? "";
}
