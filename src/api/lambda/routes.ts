/** Which method and path is which operation. */
import type { Handler, HttpRequest } from "../../http/http.ts";
import { parseJson } from "../../http/json.ts";
import { readBody } from "../../lib/body.ts";
import { asPlatformError } from "../../model/error.ts";
import { failureReply, namespaceOf, openedBy } from "./callers.ts";
import { codeBehind, isCodeLink } from "./code-link.ts";
import { absentOperation, codeTooLarge, invalidContent, unknownOperation } from "./errors.ts";
import type { Json } from "./fields.ts";
import { eventHandler, invokeHandler } from "./invoke.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";
import { nameIn } from "./names.ts";
import { type Operation, operations, type Serve } from "./operations.ts";
import { eventPath, invokePath, streamPath } from "./paths.ts";
import { type Reply, sendReply } from "./reply.ts";
import { streamHandler } from "./stream.ts";

/** An operation, with what its paths look like. */
interface Endpoint {
  readonly operation: Operation;
  readonly path: RegExp;
}

const endpoints: readonly Endpoint[] = operations.map((operation) => ({ operation, path: pathOf(operation) }));

/** `{fn}` is a part of the path. */
function pathOf([, , template]: Operation): RegExp {
  const [path = ""] = template.split("?", 1);
  return new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}/?$`);
}

/** See `lambdaManagement`. */
export function managementHandler(context: LambdaContext): Handler {
  const invoke = invokeHandler(context);
  const event = eventHandler(context);
  const stream = streamHandler(context);
  return (request, response) => {
    if (request.method === "POST" && invokePath.test(request.path)) return invoke(request, response);
    if (request.method === "POST" && eventPath.test(request.path)) return event(request, response);
    if (request.method === "POST" && streamPath.test(request.path)) return stream(request, response);
    answer(context, request)
      .catch((error: unknown) => {
        request.body.cancel();
        return failureReply(context, error);
      })
      .then((reply) => sendReply(response, reply, context.world.newId()));
  };
}

async function answer(context: LambdaContext, request: HttpRequest): Promise<Reply> {
  if (isCodeLink(request)) return await codeBehind(context, request);
  const { serve, parts } = servedAt(request);
  const open = await openedBy(context, request);
  const bytes = await readBody(request.body, lambdaLimits.bodyBytesMax, () => codeTooLarge(lambdaLimits.bodyBytesMax));
  const namespace = namespaceOf(open.verify(bytes));
  const query = new URLSearchParams(request.target.slice(request.path.length));
  const { fn, ...others } = parts;
  const named =
    fn === undefined ? { app: null, name: "", qualifier: null } : nameIn(fn, query.get("Qualifier"), context.identity);
  return await serve({ context, request, query, namespace, function: named, parts: decodedParts(others), body: bodyIn(bytes) });
}

type Parts = Readonly<Record<string, string>>;

/** Throws `Refusal`. */
function servedAt({ method, path }: HttpRequest): { readonly serve: Serve; readonly parts: Parts } {
  for (const { operation, path: pattern } of endpoints) {
    const [name, wanted, , serve] = operation;
    const match = method === wanted ? pattern.exec(path) : null;
    if (match === null) continue;
    if (serve === null) throw absentOperation(name);
    return { serve, parts: { ...match.groups } };
  }
  throw unknownOperation(method, path);
}

function decodedParts(parts: Parts): Parts {
  return Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, decoded(text)]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Throws `Refusal`. */
function bodyIn(bytes: Buffer): Json {
  if (bytes.length === 0) return {};
  const value = valueIn(bytes.toString());
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidContent("The request body is no JSON object");
  return value as Json;
}

function valueIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw invalidContent(`Could not parse request body into json: ${asPlatformError(error).message}`);
  }
}
