import { PlatformError } from "../model/error.ts";
import { Http1Error } from "../wire/http1-error.ts";

/** What a caller is to see of an exchange over HTTP that failed. */
export function http1Failure(error: Error): Error {
  if (!(error instanceof Http1Error)) return error;
  switch (error.kind) {
    case "garbage":
      return new PlatformError("function_protocol", error.message, { cause: error });
    case "head_too_large":
      return new PlatformError("response_too_large", error.message, { details: { part: "header" }, cause: error });
    default:
      return new PlatformError("function_exited", error.message, { cause: error });
  }
}
