/**
 * Function URLs: addresses at which anybody, or whoever signs with a key of the namespace, calls a function by plain HTTP.
 *
 * Promises: a request becomes an event of payload format 2.0 and the function's result an answer, as AWS has both; a URL follows its alias, is gone with its
 * function, and leads to one function or nowhere for ever; an answer that broke off never looks whole. Whatever function has notes can have one, whichever
 * door it came through. Deliberately absent: policies of IAM, names of one's own for URLs, query parameters that sign.
 */
import type { Handler } from "../../../http/http.ts";
import type { LambdaContext } from "../lambda.ts";
import { UrlCall } from "./call.ts";
import { PublishedUrls } from "./published.ts";

/** For the fast routes of `paths.ts`. */
export function urlHandler(context: LambdaContext): Handler {
  const published = new PublishedUrls(context.store.notes, context.notes);
  return (request, response) => new UrlCall(context, published, request, response).begin();
}
