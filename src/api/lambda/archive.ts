/** The zip in a body. */
import type { StoredCode } from "../../image/image.ts";
import { asPlatformError } from "../../model/error.ts";
import { codeTooLarge, invalidParameter } from "./errors.ts";
import { type Json, textIn } from "./fields.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";

export interface Archive {
  readonly bytes: Buffer;
}

/** Throws `Refusal` for what is none, and for code that is elsewhere. */
export function archiveIn(code: Json): Archive {
  const zip = textIn(code, "ZipFile");
  if (zip === undefined) {
    if (textIn(code, "S3Bucket") !== undefined || textIn(code, "S3Key") !== undefined)
      throw invalidParameter("Code is not fetched from S3 here: send it as ZipFile");
    throw invalidParameter("Please provide a source for function code.");
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(zip)) throw invalidParameter("ZipFile is not base64");
  const bytes = Buffer.from(zip, "base64");
  if (bytes.length > lambdaLimits.zipBytesMax) throw codeTooLarge(lambdaLimits.bodyBytesMax);
  // Our own doors take single files and other archives, too.
  if (bytes.length < 22 || bytes.readUInt16BE(0) !== 0x504b)
    throw invalidParameter("Could not unzip uploaded file. Please check your file, then try to upload again.");
  return { bytes };
}

/** Unpacked and kept, also as it was sent. Throws `Refusal` for one that cannot be. */
export async function storedArchive(
  { context: { images } }: { readonly context: Pick<LambdaContext, "images"> },
  { bytes }: Archive,
): Promise<StoredCode> {
  try {
    return await images.addCode({ bytes, fileName: null, keep: true });
  } catch (thrown) {
    const { code, message } = asPlatformError(thrown);
    if (code !== "invalid") throw thrown;
    throw invalidParameter(`Could not unzip uploaded file. Please check your file, then try to upload again. (${message})`);
  }
}
