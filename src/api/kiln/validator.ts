import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { FastifySchemaCompiler, FastifySchemaValidationError } from "fastify";
import { PlatformError } from "../../model/error.ts";

/**
 * Checks input against schemas. Bodies are taken as they are; what stands in a URL is text and is read as the type it should have. A schema is
 * compiled for the first input: all of them would be a fifth of what a start takes.
 */
export function createValidator(): FastifySchemaCompiler<object> {
  const options = { strict: false, verbose: true, removeAdditional: false } as const;
  const bodies = new Ajv({ ...options, coerceTypes: false });
  const texts = new Ajv({ ...options, coerceTypes: true });
  return ({ schema, httpPart }) => {
    let validate: ValidateFunction | undefined;
    return (data: unknown) => {
      validate ??= (httpPart === "body" ? bodies : texts).compile(schema);
      return validate(data) ? { value: data } : { error: validate.errors as unknown as Error };
    };
  };
}

/** Names the field, its value where that is no secret, and the bound it broke. */
export function schemaError(errors: FastifySchemaValidationError[], part: string): PlatformError {
  const error = errors[0] as unknown as ErrorObject;
  const field = fieldOf(error);
  const where = part === "body" ? "" : `${part === "querystring" ? "query" : part} `;
  if (error.keyword === "additionalProperties") {
    return invalid(field, `${where}${field} is not known here`);
  }
  if (error.keyword === "required") return invalid(field, `${where}${field} is missing`);
  const bound =
    error.keyword === "enum" ? `must be one of ${(error.params["allowedValues"] as unknown[]).join(", ")}` : error.message;
  const value = preview(field, error.data);
  return invalid(field === "" ? "body" : field, `${where}${field === "" ? "The body" : field}${value} ${bound}`);
}

function invalid(field: string, message: string): PlatformError {
  return new PlatformError("invalid", message, { details: { field } });
}

function fieldOf(error: ErrorObject): string {
  const path = error.instancePath
    .slice(1)
    .replaceAll("~1", "/")
    .replaceAll("~0", "~")
    .split("/")
    .filter((part) => part !== "");
  const last = error.params["additionalProperty"] ?? error.params["missingProperty"];
  if (typeof last === "string") path.push(last);
  return path.join(".");
}

/** What users put into config and parameters may be secret and is not repeated. */
function preview(field: string, value: unknown): string {
  if (/^(?:config|parameters|code)\b/.test(field)) return "";
  if (typeof value === "number" || typeof value === "boolean" || value === null) return ` is ${value},`;
  if (typeof value === "string") return ` is ${JSON.stringify(value.slice(0, 60))},`;
  return "";
}
