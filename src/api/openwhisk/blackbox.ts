/** Actions that run in a container image, with or without code that it is given: `exec` of the kind `blackbox`, and of kinds that are an image. */
import type { Images } from "../../image/image.ts";
import { asPlatformError } from "../../model/error.ts";
import type { Source } from "../../model/model.ts";
import { parseReference } from "../../oci/reference.ts";
import { malformed } from "./errors.ts";
import { checkedCode, type Exec, isBinary, readMain } from "./exec-fields.ts";
import { blackboxKind } from "./kinds.ts";

type ImageSource = Extract<Source, { type: "image" }>;

/** What code is called where it is kept: text, and all that came in base64. */
const fileNames = { text: "code.txt", binary: "exec" } as const;

/** Throws `Refusal`. */
export function readBlackbox({ image, code, main }: Readonly<Record<string, unknown>>): Exec {
  if (typeof image !== "string") throw malformed("'image' must be a string defined in 'exec' for 'blackbox' actions");
  const name = image.trim();
  try {
    parseReference(name, "registry");
  } catch {
    throw malformed("could not parse image name");
  }
  if (code !== undefined && code !== null && typeof code !== "string")
    throw malformed("'code' must be a string or attachment object defined in 'exec' for 'blackbox' actions");
  const given = typeof code === "string" && code.trim() !== "" ? checkedCode(code) : null;
  const binary = given !== null && isBinary(given);
  return { kind: blackboxKind, code: given, binary, main: readMain(main, blackboxKind), image: name };
}

/** Stores the code. Throws `Refusal` for an archive that is none. */
export async function storeBlackbox(
  { kind, code, binary, main, image }: Exec & { readonly image: string },
  images: Pick<Images, "addCode">,
): Promise<ImageSource> {
  const named = { ...(kind === blackboxKind ? {} : { kind }), ...(main === null ? {} : { handler: main }) };
  if (code === null) return { type: "image", image, ...named };
  const bytes = binary ? Buffer.from(code.trim(), "base64") : Buffer.from(code);
  try {
    const { digest } = await images.addCode({ bytes, fileName: binary ? fileNames.binary : fileNames.text, keep: true });
    return { type: "image", image, digest, ...named };
  } catch (thrown) {
    const error = asPlatformError(thrown);
    throw error.code === "invalid" ? malformed(error.message) : error;
  }
}

/** As the wire has it; see `renderExec`. */
export async function renderBlackbox(
  { kind, image, digest, handler }: ImageSource,
  binary: boolean,
  withCode: boolean,
  images: Pick<Images, "codeAsSent">,
): Promise<object> {
  const main = handler === undefined || handler === null ? {} : { main: handler };
  const sent = withCode && digest !== undefined ? await images.codeAsSent(digest) : null;
  const code = sent === null ? {} : { code: sent.bytes.toString(binary ? "base64" : "utf8") };
  return { kind: kind ?? blackboxKind, ...(kind === undefined ? { image } : {}), ...code, ...main, binary };
}
