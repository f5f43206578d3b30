import { networkFailure, registryFailure } from "./failure.ts";
import type { Answer } from "./transport.ts";

/** A whole body, which must not be longer. Throws `registry_failed`. */
export async function readBytes({ body, url }: Answer, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > bytesMax) throw registryFailure(`${url.host} answered with more than ${bytesMax} bytes`);
      pieces.push(piece);
    }
  } catch (error) {
    throw networkFailure(error, url);
  }
  return Buffer.concat(pieces, bytes);
}

export async function readText(answer: Answer, bytesMax: number): Promise<string> {
  return (await readBytes(answer, bytesMax)).toString();
}

/** Reads what nobody wants, so that the connection can be used again; a long one is broken off. */
export function drop({ body }: Answer): void {
  if (Number(body.headers["content-length"] ?? 0) > 65_536) body.destroy();
  else body.resume();
}
