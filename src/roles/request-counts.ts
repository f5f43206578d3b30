import type { Framework } from "../http/framework.ts";
import type { FnRequests } from "../telemetry/fn-metrics.ts";

/** Counts what the framework is asked and answers. Before anything else may answer in its place. */
export function countRequests({ app }: Framework, requests: FnRequests): void {
  app.addHook("onRequest", (request, _reply, done) => {
    requests.began(request.method, pathOf(request.url));
    done();
  });
  app.addHook("onResponse", (request, reply, done) => {
    requests.ended(request.method, pathOf(request.url), reply.raw.statusCode, reply.elapsedTime);
    done();
  });
}

function pathOf(url: string): string {
  return url.split("?", 1)[0] as string;
}
