/** What somebody wants to make an API of, as OpenWhisk's clients say it: a document, or one endpoint of an API. */
import { parseJson } from "../../../http/json.ts";
import { asPlatformError } from "../../../model/error.ts";
import { sizeLimits } from "../limits.ts";
import { nameOf, namespaceOf, ownNamespace } from "../names.ts";
import { extensions } from "../web/request.ts";
import { webRoute } from "../web/paths.ts";
import { type ApiDocument, type Endpoint, isObject, type Json } from "./document.ts";
import { ApiFailure } from "./errors.ts";
import { decodedSegment } from "./target.ts";
import { segmentsOf } from "./path-tree.ts";

/** As many are looked for in a caller's path. */
export const basePathSegmentsMax = 8;

export type GivenApi =
  | { readonly document: ApiDocument }
  | {
      /** A base path, or the title of an API that is there. */
      readonly base: string;
      /** Of an API that is not there yet. */
      readonly title: string | undefined;
      readonly endpoint: Endpoint;
    };

/** `own`: the namespace of who asks, whatever the body says. Throws `ApiFailure` or `Refusal`. */
export function givenApi({ apidoc }: Json, responseType: string | null, own: string): GivenApi {
  if (apidoc === undefined || apidoc === null || apidoc === "") throw new ApiFailure("apidoc is required.");
  const given = typeof apidoc === "string" ? parsed(apidoc, "apidoc") : apidoc;
  if (!isObject(given))
    throw new ApiFailure(`apidoc field is of type ${typeof given} and should be a JSON object or a JSON string.`);
  if (isMissing(given["namespace"])) throw new ApiFailure("apidoc is missing the namespace field");
  if (isMissing(given["swagger"])) return endpointIn(given, responseType ?? "json", own);
  if (!isMissing(given["gatewayBasePath"]))
    throw new ApiFailure("swagger and gatewayBasePath are mutually exclusive and cannot be specified together.");
  return { document: documentIn(given["swagger"]) };
}

/** A base path as APIs are found by it. Throws `ApiFailure`. */
export function baseNameOf(basePath: string): string {
  if (!basePath.startsWith("/")) throw new ApiFailure(`The base path '${basePath}' must begin with '/'.`);
  const segments = segmentsOf(basePath).map((segment) => decodedSegment(segment) ?? segment);
  if (segments.length > basePathSegmentsMax)
    throw new ApiFailure(`The base path '${basePath}' has more than ${basePathSegmentsMax} segments.`);
  const name = `/${segments.join("/")}`;
  if (name.length > sizeLimits.nameCharactersMax)
    throw new ApiFailure(`The base path has ${name.length} characters; ${sizeLimits.nameCharactersMax} are allowed.`);
  return name;
}

function documentIn(swagger: unknown): ApiDocument {
  const document = typeof swagger === "string" ? parsed(swagger, "swagger") : swagger;
  if (!isObject(document)) throw new ApiFailure(`swagger field is ${typeof document} and should be an object or a JSON string.`);
  for (const name of ["basePath", "paths", "info"])
    if (isMissing(document[name])) throw new ApiFailure(`swagger is missing the ${name} field.`);
  const { basePath, paths, info } = document;
  if (typeof basePath !== "string") throw new ApiFailure("The basePath field of swagger should be a string.");
  for (const [name, value] of Object.entries({ paths, info }))
    if (!isObject(value)) throw new ApiFailure(`The ${name} field of swagger should be an object.`);
  return document as ApiDocument;
}

function endpointIn(given: Json, responseType: string, own: string): GivenApi {
  for (const name of ["gatewayBasePath", "gatewayPath", "gatewayMethod"])
    if (isMissing(given[name])) throw new ApiFailure(`apidoc is missing the ${name} field`);
  const { action } = given;
  if (!isObject(action)) throw new ApiFailure("apidoc is missing the action field.");
  for (const name of ["backendMethod", "backendUrl", "namespace", "name", "authkey"])
    if (isMissing(action[name])) throw new ApiFailure(`action is missing the ${name} field.`);
  if (!extensions.some((each) => each === responseType))
    throw new ApiFailure(`The response type '${responseType}' is not one of ${extensions.join(", ")}.`);
  const { apiName, pathParameters } = given;
  const named = actionIn(action, own);
  return {
    base: String(given["gatewayBasePath"]),
    title: typeof apiName === "string" && apiName !== "" ? apiName : undefined,
    endpoint: {
      path: String(given["gatewayPath"]),
      verb: String(given["gatewayMethod"]).toLowerCase(),
      pathParameters: Array.isArray(pathParameters) ? pathParameters : undefined,
      action: named,
      url: `${serverIn(String(action["backendUrl"]))}${webRoute.prefix}${named.namespace}/${named.pkg ?? "default"}/${named.name}`,
      responseType,
      secret: isMissing(action["secureKey"]) || action["secureKey"] === false ? null : action["secureKey"],
    },
  };
}

/** By `[package/]action`, or with its namespace before. */
function actionIn(action: Json, own: string): Endpoint["action"] {
  const names = String(action["name"])
    .split("/")
    .filter((segment) => segment !== "");
  const owner = namespaceOf(names.length > 2 ? (names[0] as string) : String(action["namespace"]));
  return {
    namespace: owner === ownNamespace ? own : owner,
    pkg: names.length > 1 ? nameOf(names.at(-2) as string) : null,
    name: nameOf(names.at(-1) ?? ""),
  };
}

/** As its author knows it. wskdeploy puts `https://` before whatever it was told. */
function serverIn(backendUrl: string): string {
  const server = /^(?:https:\/\/(?=https?:\/\/))?(https?:\/\/.*?)\/api\/v1\/web\//i.exec(backendUrl)?.[1];
  if (server === undefined) throw new ApiFailure(`The backendUrl '${backendUrl}' of the action is not the URL of a web action.`);
  return server;
}

function parsed(text: string, field: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new ApiFailure(`${field} field cannot be parsed. Ensure it is valid JSON. ${asPlatformError(error).message}`);
  }
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
