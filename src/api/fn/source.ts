/**
 * The `image` of a function. An image function shows its reference. A function whose code came through another door shows
 * `polykiln/<kind>:<revision>`, the colon of the kind as a hyphen: `polykiln/nodejs-24:7`. Such a name written back, with this
 * or an earlier revision of the function, means "the code it has"; any other reference replaces the code by an image. A sequence, which has no
 * code, shows `polykiln/sequence:<revision>`.
 */
import type { Fn, Source } from "../../model/model.ts";

/** What Fn's wire shows as `image`. */
export function shownImage(fn: Fn): string {
  return fn.source.type === "image" ? fn.source.image : `${codeImage(fn.source)}:${fn.revision}`;
}

type Code = Pick<Fn, "source" | "protocol" | "concurrency">;

/** A function's way to its code, once it is told to have this image. An image function keeps the protocol it has. */
export function withImage(fn: Fn, image: string): Code {
  const { source, protocol, concurrency } = fn;
  if (source.type === "image")
    return { source: source.image === image ? source : { type: "image", image }, protocol, concurrency };
  return namesItsCode(fn, source, image) ? { source, protocol, concurrency } : imageCode(image);
}

/** A container speaks http-stream, which is one call at a time. */
export function imageCode(image: string): Code {
  return { source: { type: "image", image }, protocol: "http-stream", concurrency: 1 };
}

function namesItsCode(fn: Fn, source: Coded, image: string): boolean {
  const prefix = `${codeImage(source)}:`;
  const revision = image.slice(prefix.length);
  return image.startsWith(prefix) && /^[1-9]\d*$/.test(revision) && Number(revision) <= fn.revision;
}

type Coded = Exclude<Source, { type: "image" }>;

function codeImage(source: Coded): string {
  return source.type === "sequence" ? "polykiln/sequence" : `polykiln/${source.kind.replace(":", "-")}`;
}
