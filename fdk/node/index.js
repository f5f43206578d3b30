/** Helpers for functions. A handler needs none of them: what it sees is the same without. */

/** An error that is the call's answer: its status, and `{code, message, details}` as JSON. */
export class FunctionError extends Error {
  status;
  code;
  details;
  headers;

  constructor(status, message, { code, details, headers, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    if (!Number.isInteger(status) || status < 400 || status > 599)
      throw new RangeError(`The status of an error is a whole number from 400 to 599, not ${status}`);
    this.status = status;
    this.code = code;
    this.details = details;
    this.headers = headers;
  }
}

// By this name the runtime knows it, also from another copy of this package, and in subclasses.
Object.defineProperty(FunctionError.prototype, "name", { value: "FunctionError", configurable: true, writable: true });

/** Sets status and headers of the answer, and gives back its body: `return respond(context, body, { status: 201 })`. */
export function respond(context, body, { status, headers } = {}) {
  if (status !== undefined) context.status(status);
  for (const [name, value] of Object.entries(headers ?? {})) context.header(name, value);
  return body;
}

/** A handler whose event is the request's body as it arrives. */
export function streamed(handler) {
  handler.streamed = true;
  return handler;
}

/** A handler that gets only events that the schema accepts, as the schema gives them; others are answered with 400. */
export function validated(schema, handler) {
  return async (event, context) => {
    const result = await schema["~standard"].validate(event);
    if (result.issues !== undefined) throw invalid(result.issues);
    return handler(result.value, context);
  };
}

function invalid(found) {
  const issues = found.map(({ path = [], message }) => ({
    path: path.map((step) => (typeof step === "object" ? step.key : step)).join("."),
    message,
  }));
  const shown = issues.slice(0, 3).map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return new FunctionError(400, `The event is not valid: ${shown.join("; ")}`, { code: "invalid", details: { issues } });
}
