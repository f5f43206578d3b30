// Who did what, kept in memory and told at a path of its own. Shows middleware, what it tells listeners, and endpoints.
// @ts-check
import { AsyncLocalStorage } from "node:async_hooks";

/** Who sent the request that is being answered. */
const sender = new AsyncLocalStorage();

const entriesMax = 1000;
/** @type {{ who: string, what: string }[]} */
const entries = [];

/** @param {string} what */
function note(what) {
  entries.push({ who: String(sender.getStore() ?? "nobody"), what });
  if (entries.length > entriesMax) entries.shift();
}

/** @type {import("polykiln/extensions").Extension} */
export default {
  name: "audit",
  version: 1,
  apiMiddleware(request, next) {
    const who = request.header("x-user");
    if (who === "banned") return { status: 403, body: { message: "banned" } };
    // What is kept around next() is there in all that follows from it.
    sender.run(who ?? "nobody", () => next({ answerHeaders: { "X-Audited": "yes" } }));
  },
  apps: {
    afterCreate: (app) => note(`created app ${app.name}`),
    afterUpdate: (app) => note(`changed app ${app.name}`),
    afterDelete: (app) => note(`deleted app ${app.name}`),
    afterList: (apps) => note(`listed ${apps.length} apps`),
  },
  functions: { afterCreate: (fn) => note(`created function ${fn.name}`) },
  calls: { after: (record) => note(`called ${record.functionName}: ${record.status}`) },
  endpoints: [
    { method: "GET", path: "/v2/audit", handler: () => ({ body: { items: entries } }) },
    {
      method: "GET",
      path: "/v2/apps/:app_id/size",
      async handler({ params, store }) {
        const { items } = await store.functions.list("guest", params["app_id"] ?? "", { limit: 100 });
        return { body: { functions: items.length } };
      },
    },
    { method: "POST", path: "/hooks/echo", open: true, handler: ({ body }) => ({ status: 201, body: body.toString("utf8") }) },
  ],
};
