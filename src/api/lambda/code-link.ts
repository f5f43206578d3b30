/** Links by which the code of a function is fetched for ten minutes, without a signature. */
import { timingSafeEqual } from "node:crypto";
import type { HttpRequest } from "../../http/http.ts";
import type { Fn } from "../../model/model.ts";
import { linkRefused, notFound, status } from "./errors.ts";
import type { LambdaContext } from "./lambda.ts";
import type { Reply } from "./reply.ts";

const prefix = "/2015-03-31/code/";
const validS = 600;

/** Undefined: there is no code that was sent. */
export function codeLink(context: LambdaContext, request: HttpRequest, { source }: Pick<Fn, "source">): string | undefined {
  const digest = source.type === "sequence" ? undefined : source.digest;
  return digest === undefined ? undefined : linkTo(context, request, digest);
}

export function linkTo(context: LambdaContext, request: HttpRequest, digest: string): string {
  const expires = String(Math.floor(context.world.now() / 1000) + validS);
  return `${context.baseUrl(request)}${prefix}${digest}?Expires=${expires}&Signature=${context.seal(sealed(digest, expires))}`;
}

export function isCodeLink({ method, path }: HttpRequest): boolean {
  return method === "GET" && path.startsWith(prefix);
}

/** The archive, as it was sent. Throws `Refusal`. */
export async function codeBehind(context: LambdaContext, { path, target }: HttpRequest): Promise<Reply> {
  const digest = path.slice(prefix.length);
  const query = new URLSearchParams(target.slice(path.length));
  const [expires = "", signature = ""] = [query.get("Expires") ?? undefined, query.get("Signature") ?? undefined];
  const [expected, given] = [Buffer.from(context.seal(sealed(digest, expires))), Buffer.from(signature)];
  if (expected.length !== given.length || !timingSafeEqual(expected, given))
    throw linkRefused("The link is not one that this server gave");
  if (Number(expires) * 1000 < context.world.now()) throw linkRefused("The link has expired: ask GetFunction for another");
  const sent = await context.images.codeAsSent(digest);
  if (sent === null) throw notFound("The code is not there any more, or was not kept as it was sent");
  return {
    status: status.ok,
    headers: ["Content-Type", sent.isArchive ? "application/zip" : "application/octet-stream"],
    body: sent.bytes,
  };
}

function sealed(digest: string, expires: string): string {
  return `code ${digest} ${expires}`;
}
