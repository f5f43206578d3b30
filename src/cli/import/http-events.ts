import type { Property } from "./property.ts";
import type { UrlSettings } from "./wanted.ts";

export interface HttpEvent {
  readonly at: Property;
  /** In capitals. */
  readonly method: string;
  /** `$default`: any. */
  readonly path: string;
  /** Version of the event's format. */
  readonly payload: string;
  readonly authorizer: string | null;
}

/**
 * Routes of HTTP APIs that lead to one function. A function URL sends the same event (format 2.0), but for `routeKey`, `pathParameters` and
 * the address; so it stands for routes that need neither.
 */
export class HttpEvents {
  #url: UrlSettings | null = null;

  get url(): UrlSettings | null {
    return this.#url;
  }

  add({ at, method, path, payload, authorizer }: HttpEvent): void {
    const route = path === "$default" ? path : `${method} ${path}`;
    if (payload !== "2.0")
      at.missing(`${route}: events of format ${payload} are not made here`, "let the function take format 2.0");
    else if (authorizer !== null && authorizer !== "NONE")
      at.missing(
        `${route}: the authorizer ${authorizer} is not here`,
        "let the function look at who calls, or say FunctionUrlConfig with AuthType AWS_IAM",
      );
    else if (/\{(?!proxy\+)/.test(path))
      at.missing(`${route}: a function URL has no path parameters`, "let the function read rawPath, and say FunctionUrlConfig");
    else {
      at.different(`${route} is served at the function's URL, as is every other path and method, with the routeKey $default`);
      this.#url ??= { AuthType: "NONE", InvokeMode: "BUFFERED", Cors: null, place: at.placed() };
    }
  }
}
