/** Code as it is told to what runs in an image. */
import { isUtf8 } from "node:buffer";
import type { Images } from "../image/image.ts";
import { PlatformError } from "../model/error.ts";
import type { ProxyCode } from "../protocol/action-proxy/messages.ts";

/** Rejects with `not_found` for code that is gone. */
export async function proxyCode(images: Pick<Images, "codeAsSent">, digest: string): Promise<ProxyCode> {
  const sent = await images.codeAsSent(digest);
  if (sent === null) throw new PlatformError("not_found", `There is no code with the digest ${digest}: upload it again`);
  const binary = sent.isArchive || !isUtf8(sent.bytes);
  return { text: sent.bytes.toString(binary ? "base64" : "utf8"), binary };
}
