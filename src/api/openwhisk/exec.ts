/** What an action is made of: `exec` on the wire, a function's source in the model. */
import type { Images, Kinds } from "../../image/image.ts";
import { asPlatformError } from "../../model/error.ts";
import type { Fn, Source } from "../../model/model.ts";
import { badRequest, malformed, tooLarge } from "./errors.ts";
import { sizeLimits } from "./limits.ts";
import { metaOf } from "./meta.ts";

type CodeSource = Extract<Source, { type: "code" }>;

/** An `exec` that can be run, its code not stored yet. */
export interface Exec {
  readonly kind: string;
  readonly code: string;
  readonly binary: boolean;
  readonly main: string | null;
}

/** What a file of an action's kind is called where it was sent as text. */
const fileNames: Readonly<Record<string, string>> = { nodejs: "index.js", python: "__main__.py" };

/** Kinds of which there are actions. */
export function actionKinds(kinds: Kinds): readonly string[] {
  return kinds
    .list()
    .map(({ name }) => name)
    .filter((name) => Object.hasOwn(fileNames, familyOf(name)));
}

export function familyOf(kind: string): string {
  return kind.slice(0, kind.indexOf(":"));
}

/** Throws `Refusal`. */
export function readExec(given: unknown, kinds: Kinds): Exec {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw malformed("exec malformed!");
  const { kind: wanted, code, main } = given as Readonly<Record<string, unknown>>;
  if (typeof wanted !== "string") throw malformed("'kind' must be a string defined in 'exec'");
  const kind = kindOf(wanted, kinds);
  if (typeof code !== "string")
    throw malformed(`'code' must be a string or attachment object defined in 'exec' for '${kind}' actions`);
  if (main !== undefined && main !== null && typeof main !== "string")
    throw malformed(`if defined, 'main' be a string in 'exec' for '${kind}' actions`);
  const bytes = Buffer.byteLength(code);
  if (bytes > sizeLimits.codeBytesMax) throw tooLarge("exec", bytes, sizeLimits.codeBytesMax);
  return { kind, code, binary: isBinary(code), main: main?.trim() || null };
}

/** The full name of a kind that there are actions of. Throws `Refusal`. */
function kindOf(wanted: string, kinds: Kinds): string {
  const name = wanted.trim().toLowerCase();
  const offered = actionKinds(kinds);
  let resolved: string | undefined;
  try {
    resolved = kinds.resolve(name);
  } catch {
    // Told below, with what there is.
  }
  if (resolved !== undefined && offered.includes(resolved)) return resolved;
  const valid = offered.map((each) => `'${each}'`).join(", ");
  throw malformed(`The specified runtime '${name}' is not supported by this platform. Valid values are: ${valid}.`);
}

/** As OpenWhisk tells base64 from a program's text. */
function isBinary(code: string): boolean {
  const text = code.trim();
  return text !== "" && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}

/** Stores the code. Throws `Refusal` for an archive that is none. */
export async function storeExec({ kind, code, binary, main }: Exec, images: Pick<Images, "addCode">): Promise<CodeSource> {
  const upload = binary
    ? { bytes: Buffer.from(code.trim(), "base64"), fileName: null, keep: true }
    : { bytes: Buffer.from(code), fileName: fileNames[familyOf(kind)] ?? null };
  if (upload.bytes.length === 0) throw badRequest("The action has no code.");
  try {
    const { digest } = await images.addCode(upload);
    return { type: "code", kind, digest, handler: main, command: null, convention: "parameters" };
  } catch (thrown) {
    const error = asPlatformError(thrown);
    throw error.code === "invalid" ? malformed(error.message) : error;
  }
}

/** The kind that is shown, also of what other doors made. */
export function kindShown({ source }: Pick<Fn, "source">): string {
  return source.type === "image" ? "blackbox" : source.kind;
}

/** As the wire has it; `code` is left out where it is not to be shown, or is nowhere as it came. */
export async function renderExec(fn: Fn, withCode: boolean, images: Pick<Images, "codeAsSent">): Promise<object> {
  const { source } = fn;
  const kind = kindShown(fn);
  const { binary } = metaOf(fn);
  if (source.type === "image") return { kind, image: source.image, binary: false };
  const main = source.type === "code" && source.handler !== null ? { main: source.handler } : {};
  if (!withCode) return { kind, ...main, binary };
  const sent = await images.codeAsSent(source.digest);
  if (sent === null) return { kind, ...main, binary };
  const isText = !binary && !sent.isArchive;
  return { kind, code: sent.bytes.toString(isText ? "utf8" : "base64"), ...main, binary: !isText };
}
