/** What an action is made of: `exec` on the wire, a function's source in the model. */
import type { Images } from "../../image/image.ts";
import { asPlatformError } from "../../model/error.ts";
import type { Fn, Source } from "../../model/model.ts";
import { badRequest, malformed } from "./errors.ts";
import { checkedCode, type Exec, isBinary, readMain } from "./exec-fields.ts";
import { readBlackbox, renderBlackbox, storeBlackbox } from "./blackbox.ts";
import { type ActionKinds, blackboxKind, fileNameOf, programNameOf } from "./kinds.ts";
import { metaOf } from "./meta.ts";
import { renderSequence, sequenceKind } from "./sequence.ts";

/** Throws `Refusal`. */
export function readExec(given: unknown, kinds: ActionKinds): Exec {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw malformed("exec malformed!");
  const { kind: wanted, code, main } = given as Readonly<Record<string, unknown>>;
  if (typeof wanted !== "string") throw malformed("'kind' must be a string defined in 'exec'");
  if (wanted.trim().toLowerCase() === blackboxKind) return readBlackbox(given as Readonly<Record<string, unknown>>);
  const kind = kinds.find(wanted);
  if (typeof code !== "string")
    throw malformed(`'code' must be a string or attachment object defined in 'exec' for '${kind.name}' actions`);
  const named = readMain(main, kind.name);
  if (named === null && kind.requiresMain)
    throw malformed(`'main' must be a string defined in 'exec' for '${kind.name}' actions`);
  return { kind: kind.runs, code: checkedCode(code), binary: isBinary(code), main: named, image: kind.image };
}

/** Stores the code. Throws `Refusal` for an archive that is none. */
export async function storeExec(exec: Exec, images: Pick<Images, "addCode">): Promise<Source> {
  const { kind, code, binary, main, image } = exec;
  if (image !== null) return await storeBlackbox({ ...exec, image }, images);
  if (code === null) throw badRequest("The action has no code.");
  const upload = binary
    ? { bytes: Buffer.from(code.trim(), "base64"), fileName: programNameOf(kind), keep: true }
    : { bytes: Buffer.from(code), fileName: fileNameOf(kind) };
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
  if (source.type === "sequence") return sequenceKind;
  return source.kind ?? blackboxKind;
}

/** As the wire has it; `code` is left out where it is not to be shown, or is nowhere as it came. */
export async function renderExec(fn: Fn, withCode: boolean, images: Pick<Images, "codeAsSent">): Promise<object> {
  const { source } = fn;
  const kind = kindShown(fn);
  const { binary } = metaOf(fn);
  if (source.type === "sequence") return renderSequence(source);
  if (source.type === "image") return await renderBlackbox(source, binary, withCode, images);
  const main = source.type === "code" && source.handler !== null ? { main: source.handler } : {};
  if (!withCode) return { kind, ...main, binary };
  const sent = await images.codeAsSent(source.digest);
  if (sent === null) return { kind, ...main, binary };
  const isText = !binary && !sent.isArchive;
  return { kind, code: sent.bytes.toString(isText ? "utf8" : "base64"), ...main, binary: !isText };
}
