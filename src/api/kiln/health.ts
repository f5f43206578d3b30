/** Whether the platform is alive and can serve; for whoever watches over processes, so without a key and without a secret. */
import type { Door } from "./door.ts";
import { operation } from "./openapi.ts";
import { healthAnswer } from "./schemas.ts";

export function healthRoutes({ scope, framework, parts }: Door): void {
  scope.get(
    "/v1/health",
    { schema: operation("health", "Platform", "Whether the platform serves; needs no key", healthAnswer) },
    async () => ({ status: "ok", version: parts.version }),
  );

  const { app } = framework;
  // Alive: the process answers. Whoever restarts it for more than that makes a full disk worse.
  app.get("/healthz", async (_request, reply) => reply.header("cache-control", "no-store").send({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    const { ready, checks } = await parts.health.ready();
    return reply
      .code(ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: ready ? "ready" : "not_ready", checks });
  });
}
