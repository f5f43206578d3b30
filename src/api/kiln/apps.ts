import type { FastifyReply } from "fastify";
import type { Static } from "typebox";
import type { App } from "../../model/model.ts";
import { checkAnnotations, checkConfig, checkName } from "./check.ts";
import { type Door, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { noContent, operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderApp } from "./render.ts";
import { appAnswer, appBody, appPath, conditions, listOf, namespacePath, pageQuery } from "./schemas.ts";
import { checkConditions, type Upserted, upsert } from "./upsert.ts";

const list = "/v1/namespaces/:ns/apps";
const one = `${list}/:app`;

export function appRoutes({ scope, parts }: Door): void {
  const { store } = parts;

  scope.get(
    list,
    {
      schema: {
        ...operation("listApps", "Apps", "The apps of a namespace, by name", listOf(appAnswer)),
        params: namespacePath,
        querystring: pageQuery,
      },
    },
    async ({ params, query }) => renderPage(await store.apps.list(params.ns, pageRequest(query)), renderApp),
  );

  scope.get(
    one,
    { schema: { ...operation("getApp", "Apps", "One app", appAnswer), params: appPath } },
    async ({ params }, reply) => showApp(reply, await named(parts, params.ns, params.app)),
  );

  scope.put(
    one,
    {
      schema: {
        ...operation("putApp", "Apps", "Create an app or change it; what is left out stays as it is", appAnswer),
        params: appPath,
        headers: conditions,
        body: appBody,
      },
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async ({ params, body, headers }, reply) => {
      const change = checked(body);
      const upserted = await upsert<App>(
        {
          repository: store.apps,
          read: () => store.apps.getByName(params.ns, params.app),
          make: () => newApp(parts, params.ns, params.app, change),
          merge: (stored) => ({ ...stored, ...change }),
          now: () => parts.world.now(),
        },
        headers,
      );
      if (upserted.outcome !== "unchanged") parts.changed({ namespace: params.ns, functionId: null, revisions: [] });
      return showApp(reply.code(createdOr200(upserted)), upserted.item);
    },
  );

  scope.delete(
    one,
    {
      schema: {
        ...operation("deleteApp", "Apps", "Delete an app with its functions and routes", noContent),
        params: appPath,
        headers: conditions,
      },
    },
    async ({ params, headers }, reply) => {
      const app = await named(parts, params.ns, params.app);
      checkConditions(app.revision, headers);
      const functionIds = await functionsOf(parts, app);
      await store.apps.remove(params.ns, app.id);
      parts.changed({ namespace: params.ns, functionId: null, revisions: [] });
      for (const functionId of functionIds) parts.changed({ namespace: params.ns, functionId, revisions: [] });
      return reply.code(204).send();
    },
  );
}

/** 201 for what was not there before. */
export function createdOr200({ outcome }: Upserted<unknown>): number {
  return outcome === "created" ? 201 : 200;
}

type AppChange = Partial<Pick<App, "config" | "annotations" | "syslogUrl">>;

function checked(body: Static<typeof appBody>): AppChange {
  if (body.config !== undefined) checkConfig(body.config);
  const { annotations, ...rest } = body;
  return annotations === undefined ? rest : { ...rest, annotations: checkAnnotations(annotations) };
}

function newApp({ world }: KilnParts, namespace: string, name: string, change: AppChange): App {
  checkName("app", name);
  const now = world.now();
  const defaults = { config: {}, annotations: {}, syslogUrl: null, shape: "" };
  return { id: world.newId(), namespace, name, ...defaults, ...change, revision: 1, createdAt: now, updatedAt: now };
}

/** `_` is the null app, which is no object: it can't be read, changed or deleted. */
async function named({ store }: KilnParts, ns: string, name: string): Promise<App> {
  const app = await store.apps.getByName(ns, name);
  if (app === undefined) throw missing("app", name);
  return app;
}

async function functionsOf({ store }: KilnParts, app: App): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.functions.list(app.namespace, app.id, { after, limit: 100 });
    ids.push(...page.items.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return ids;
}

function showApp(reply: FastifyReply, app: App): Static<typeof appAnswer> {
  reply.header("ETag", `"${app.revision}"`);
  return renderApp(app);
}
