/** Media types of requests and answers: what they are, what is text among them, and what a client takes. */

/** A type without its parameters, in lower case, and whether it names the characters that it is written in. */
export interface MediaType {
  readonly name: string;
  readonly hasCharset: boolean;
}

const grammar = /^\s*([\w!#$&^.+*-]+\/[\w!#$&^.+*-]+)\s*((?:;\s*[^;,\s=]+=(?:"[^"]*"|[^;,\s]*)\s*)*);?\s*$/;

/** Null: it is none. */
export function mediaType(text: string): MediaType | null {
  const match = grammar.exec(text);
  if (match === null) return null;
  return { name: (match[1] as string).toLowerCase(), hasCharset: /;\s*charset=/i.test(match[2] as string) };
}

/** A type that is JSON, whatever more it says. */
export function isJson({ name }: MediaType): boolean {
  return name === "application/json" || name.endsWith("+json");
}

/** What is text though its name does not begin with it. Of images in XML OpenWhisk does not know that. */
const written =
  /^(?:text\/.+|application\/(?:.+\+xml|xml|xml-dtd|json|.+\+json|(?:x-)?javascript|ecmascript|base64|x-www-form-urlencoded|x-latex|x-vrml))$/;

export function isBinary({ name, hasCharset }: MediaType): boolean {
  return !hasCharset && !written.test(name);
}

/** Type, whole of its kind or all there is, as an `Accept` has it. */
interface Range {
  readonly name: string;
  readonly isWanted: boolean;
}

/** Whether a client takes a type. Of several ranges that have it the closest one says so; a header that means nothing says nothing. */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept.trim() === "" || accept === "*/*") return true;
  const ranges = accept.split(",").map(rangeIn);
  const known = ranges.filter((range) => range !== null);
  if (known.length === 0) return true;
  const name = type.split(";", 1)[0] as string;
  const closest = [name, `${name.split("/", 1)[0]}/*`, "*/*"].map((wanted) => known.find((range) => range.name === wanted));
  return closest.find((range) => range !== undefined)?.isWanted ?? false;
}

function rangeIn(text: string): Range | null {
  const type = mediaType(text);
  if (type === null) return null;
  const weight = /;\s*q=([\d.]+)/i.exec(text)?.[1];
  return { name: type.name, isWanted: weight === undefined || Number(weight) > 0 };
}
