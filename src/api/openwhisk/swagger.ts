/** The API as a document that clients and people can read: what is served, and no more. */
import type { Endpoint } from "./routes.ts";

/** Swagger 2.0. */
export function swagger(endpoints: readonly Endpoint[]): object {
  const paths = endpoints.map(({ shown, methods }) => [shown, pathItem(shown, methods)] as const);
  return {
    swagger: "2.0",
    info: { title: "OpenWhisk REST API", version: "1.0.0" },
    basePath: "/api/v1",
    consumes: ["application/json"],
    produces: ["application/json"],
    securityDefinitions: { basicAuth: { type: "basic" } },
    security: [{ basicAuth: [] }],
    paths: Object.fromEntries(paths),
  };
}

function pathItem(shown: string, methods: Endpoint["methods"]): object {
  const names = [...shown.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const parameters = names.map((name) => ({ name, in: "path", required: true, type: "string" }));
  const operations = Object.entries(methods).map(([method, { about }]) => [method.toLowerCase(), operation(about)] as const);
  return { ...(parameters.length === 0 ? {} : { parameters }), ...Object.fromEntries(operations) };
}

function operation(summary: string): object {
  const error = { description: "Refused; the body has `error` and `code`" };
  return { summary, responses: { 200: { description: summary }, default: error } };
}
