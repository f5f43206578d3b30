import type { Static } from "typebox";
import type { App, Route } from "../../model/model.ts";
import { PlatformError } from "../../model/error.ts";
import { createdOr200 } from "./apps.ts";
import { checkAnnotations, checkName, invalid } from "./check.ts";
import { appAt, type Door, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { noContent, operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderRoute } from "./render.ts";
import { appPath, conditions, listOf, pageQuery, routeAnswer, routeBody, routePath } from "./schemas.ts";
import { checkConditions, upsert } from "./upsert.ts";

const list = "/v1/namespaces/:ns/apps/:app/routes";
const one = `${list}/:route`;

export function routeRoutes({ scope, parts }: Door): void {
  const { store, world } = parts;

  scope.get(
    list,
    {
      schema: {
        ...operation("listRoutes", "Routes", "The routes of an app, by name", listOf(routeAnswer)),
        params: appPath,
        querystring: pageQuery,
      },
    },
    async ({ params, query }) => {
      const app = await routedApp(parts, params.ns, params.app);
      const page = await store.routes.list(params.ns, app.id, {}, pageRequest(query));
      const names = await Promise.all(page.items.map((route) => functionName(parts, route)));
      return renderPage(
        { ...page, items: page.items.map((route, i) => ({ route, name: names[i] as string })) },
        ({ route, name }) => renderRoute(route, app.name, name),
      );
    },
  );

  scope.get(
    one,
    { schema: { ...operation("getRoute", "Routes", "One route", routeAnswer), params: routePath } },
    async ({ params }, reply) => {
      const app = await routedApp(parts, params.ns, params.app);
      const route = await named(parts, app, params.route);
      if (route === undefined) throw missing("route", params.route);
      reply.header("ETag", `"${route.revision}"`);
      return renderRoute(route, app.name, await functionName(parts, route));
    },
  );

  scope.put(
    one,
    {
      schema: {
        ...operation(
          "putRoute",
          "Routes",
          "Create a route or change it: `/t/{app}{source}` then leads to the function",
          routeAnswer,
        ),
        params: routePath,
        headers: conditions,
        body: routeBody,
      },
    },
    async ({ params, body, headers }, reply) => {
      const app = await routedApp(parts, params.ns, params.app);
      const change = await checked(parts, app, body);
      const upserted = await upsert<Route>(
        {
          repository: store.routes,
          read: () => named(parts, app, params.route),
          make: () => newRoute(parts, app, params.route, change),
          merge: (stored) => ({ ...stored, ...change }),
          now: () => world.now(),
        },
        headers,
      );
      if (upserted.outcome !== "unchanged") parts.changed({ namespace: params.ns, functionId: null, revisions: [] });
      reply.code(createdOr200(upserted)).header("ETag", `"${upserted.item.revision}"`);
      return renderRoute(upserted.item, app.name, await functionName(parts, upserted.item));
    },
  );

  scope.delete(
    one,
    { schema: { ...operation("deleteRoute", "Routes", "Delete a route", noContent), params: routePath, headers: conditions } },
    async ({ params, headers }, reply) => {
      const app = await routedApp(parts, params.ns, params.app);
      const route = await named(parts, app, params.route);
      if (route === undefined) throw missing("route", params.route);
      checkConditions(route.revision, headers);
      await store.routes.remove(params.ns, route.id);
      parts.changed({ namespace: params.ns, functionId: null, revisions: [] });
      return reply.code(204).send();
    },
  );
}

type RouteChange = Partial<Pick<Route, "functionId" | "source" | "annotations">>;

/** The function is looked up in the route's own app: a reference never leaves it. */
async function checked(parts: KilnParts, app: App, body: Static<typeof routeBody>): Promise<RouteChange> {
  const { function: name, source, annotations } = body;
  const fn = name === undefined ? undefined : await parts.store.functions.getByName(app.namespace, app.id, name);
  if (name !== undefined && fn === undefined)
    throw invalid("function", `function is ${JSON.stringify(name.slice(0, 60))}, must be a function of app ${app.name}`);
  return {
    ...(fn && { functionId: fn.id }),
    ...(source !== undefined && { source }),
    ...(annotations && { annotations: checkAnnotations(annotations) }),
  };
}

function newRoute({ world }: KilnParts, app: App, name: string, change: RouteChange): Route {
  checkName("route", name);
  const { functionId, source, annotations = {} } = change;
  if (functionId === undefined) throw invalid("function", "function is missing: the name of a function of the same app");
  if (source === undefined) throw invalid("source", "source is missing: a path that begins with a slash");
  const now = world.now();
  return {
    id: world.newId(),
    namespace: app.namespace,
    appId: app.id,
    functionId,
    name,
    source,
    annotations,
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
}

async function routedApp(parts: KilnParts, ns: string, name: string): Promise<App> {
  const app = await appAt(parts, ns, name);
  if (app === null) throw invalid("app", "Routes lead through an app; the null app has none");
  return app;
}

/** Another door may have given one name to routes of several functions; then a name alone says too little. */
async function named({ store }: KilnParts, app: App, name: string): Promise<Route | undefined> {
  const { items } = await store.routes.list(app.namespace, app.id, { name }, { limit: 2 });
  if (items.length > 1)
    throw new PlatformError("conflict", `App ${app.name} has several routes named ${name}; change them by id through Fn's API`);
  return items[0];
}

async function functionName({ store }: KilnParts, route: Route): Promise<string> {
  return (await store.functions.get(route.namespace, route.functionId))?.name ?? "";
}
