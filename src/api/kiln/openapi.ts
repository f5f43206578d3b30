/** The document that describes this door, made from the schemas of its paths. */
import Type, { type TSchema } from "typebox";
import type { Door } from "./door.ts";
import { errorAnswer } from "./schemas.ts";

export function openApi(version: string) {
  return {
    openapi: "3.1.0",
    info: {
      title: "polykiln",
      version,
      description:
        "Our own API. Lists are {items, nextCursor}; errors {code, message, details, requestId}. On loopback no key is needed; elsewhere send " +
        "Authorization: Bearer <key id>:<secret>. A function in one step: " +
        "curl -X PUT --data-binary @hello.mjs 'http://127.0.0.1:8080/kiln/v1/namespaces/guest/apps/_/functions/hello/code?kind=nodejs:24&file=hello.mjs'",
    },
    components: {
      securitySchemes: {
        bearer: { type: "http" as const, scheme: "bearer", description: "<key id>:<secret>" },
        basic: { type: "http" as const, scheme: "basic", description: "Key id as user, secret as password" },
      },
    },
    security: [{ bearer: [] }, { basic: [] }, {}] as Record<string, string[]>[],
  };
}

/** An answer without a body. */
export const noContent = Type.Null({ description: "Done" });

/** The part of a path's schema that every operation has. */
export function operation(operationId: string, tag: string, summary: string, answer: TSchema) {
  const done = answer === noContent ? { 204: answer } : { "2xx": answer };
  return { operationId, tags: [tag], summary, response: { ...done, "4xx": errorAnswer, "5xx": errorAnswer } };
}

export function openApiRoute({ scope }: Door): void {
  scope.get("/v1/openapi.json", { schema: { hide: true } as object }, async () => scope.swagger());
}
