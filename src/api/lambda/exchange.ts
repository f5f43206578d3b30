/** One signed request, as those who serve it see it. */
import type { HttpRequest } from "../../http/http.ts";
import type { Json } from "./fields.ts";
import type { LambdaContext } from "./lambda.ts";
import type { LambdaName } from "./names.ts";

export interface Exchange {
  readonly context: LambdaContext;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  /** Of the key that it is signed by. */
  readonly namespace: string;
  /** What the path and the query name, where the path names one. */
  readonly function: LambdaName;
  /** Other parts of the path, decoded. */
  readonly parts: Readonly<Record<string, string>>;
  /** Empty where there is none. */
  readonly body: Json;
}
