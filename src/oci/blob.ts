import { createHash } from "node:crypto";
import type { World } from "../lib/world.ts";
import { drop } from "./answer.ts";
import { wrongDigest } from "./digest.ts";
import { networkFailure, registryFailure } from "./failure.ts";
import type { Descriptor } from "./oci.ts";
import type { Answer } from "./transport.ts";

/** Attempts in a row of which none brought anything. */
const attemptsMax = 4;
const backoffMs = 250;

/**
 * A blob's bytes, from as many answers as it takes: one that breaks off is followed by one that goes on there. `open` asks for the bytes from
 * `start` on. Each byte is given out once; when they are not the blob's in the end, the iteration fails.
 */
export async function* readBlob(
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  open: (start: number) => Promise<Answer>,
  world: World,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let received = 0;
  let failures = 0;
  while (received < size || received === 0) {
    const before = received;
    try {
      for await (const piece of piecesFrom(await open(received), received)) {
        received += piece.length;
        if (received > size) throw tooLong(digest, size);
        hash.update(piece);
        yield piece;
      }
      if (received >= size) break;
      throw registryFailure(`it broke off after ${received} of ${size} bytes`);
    } catch (error) {
      signal.throwIfAborted();
      failures = received > before ? 1 : failures + 1;
      if (failures >= attemptsMax || !mayPass(error)) throw error;
      await pause(world, backoffMs * 2 ** (failures - 1), signal);
    }
  }
  const got = `sha256:${hash.digest("hex")}`;
  if (got !== digest) throw wrongDigest("blob", digest, got);
}

/** The part of an answer that is asked for: not all registries know ranges. */
async function* piecesFrom(answer: Answer, start: number): AsyncGenerator<Buffer> {
  const { status, headers, body, url } = answer;
  let skip = status === 206 ? 0 : start;
  if (status === 206 && !headers["content-range"]?.startsWith(`bytes ${start}-`)) {
    drop(answer);
    throw registryFailure(`${url.host} sent other bytes of a blob than it was asked for`, { status: 400 });
  }
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      if (skip < piece.length) yield skip === 0 ? piece : piece.subarray(skip);
      skip = Math.max(0, skip - piece.length);
    }
  } catch (error) {
    throw networkFailure(error, url);
  } finally {
    body.destroy();
  }
}

/** What the registry refuses it will refuse again. */
function mayPass(error: unknown): boolean {
  return !(error instanceof Error && "details" in error && "status" in (error.details as object));
}

function tooLong(digest: string, size: number): Error {
  return registryFailure(`the registry sent more than the ${size} bytes of ${digest}`, { status: 400 });
}

function pause(world: World, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      callOff();
      reject(signal.reason as Error);
    };
    const callOff = world.after(ms, () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    signal.addEventListener("abort", aborted, { once: true });
  });
}
