/** How a URL is written for whoever asks. */
import type { HttpRequest } from "../../../http/http.ts";
import { isLoopbackHost } from "../../../http/loopback.ts";
import type { LambdaContext } from "../lambda.ts";
import { urlRoute } from "./paths.ts";

/** Programs of this machine alone find hosts below this name. */
const local = /(?:^|\.)localhost$/;

/** By its own host where there is one that leads here for whoever asks; else by path. */
export function shownUrl(
  { baseUrl, urlHosts }: Pick<LambdaContext, "baseUrl" | "urlHosts">,
  request: Pick<HttpRequest, "header">,
  id: string,
): string {
  const base = new URL(baseUrl(request));
  const isReached = urlHosts !== "" && (!local.test(urlHosts) || isLoopbackHost(base.hostname));
  if (!isReached) return `${base.href.replace(/\/$/, "")}${urlRoute.prefix}${id}/`;
  return `${base.protocol}//${id}.${urlHosts}${base.port === "" ? "" : `:${base.port}`}/`;
}
