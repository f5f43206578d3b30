import type { Namespace } from "../../model/model.ts";
import type { Caller } from "../../auth/auth.ts";
import type { Page, PageRequest, Store } from "../../store/store.ts";
import type { Door } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { renderNamespace } from "./render.ts";
import { kindAnswer, listOf, namespaceAnswer, noQuery, pageQuery } from "./schemas.ts";

/** What there is apart from what users made: kinds, namespaces. */
export function catalogRoutes({ scope, parts, caller }: Door): void {
  scope.get(
    "/v1/kinds",
    { schema: { ...operation("listKinds", "Platform", "The language runtimes", listOf(kindAnswer)), querystring: noQuery } },
    async () => ({ items: parts.images.kinds.list(), nextCursor: null }),
  );

  scope.get(
    "/v1/namespaces",
    {
      schema: {
        ...operation("listNamespaces", "Platform", "The namespaces that the caller may use", listOf(namespaceAnswer)),
        querystring: pageQuery,
      },
    },
    (request) => namespacesOf(parts, caller(request), pageRequest(request.query)),
  );
}

async function namespacesOf({ store }: KilnParts, caller: Caller, page: PageRequest) {
  const found = caller.namespaces === null ? await store.namespaces.list(page) : await own(store, caller.namespaces);
  return renderPage(found, renderNamespace);
}

/** A key has one namespace, so its list is one page. */
async function own({ namespaces }: Store, names: readonly string[]): Promise<Page<Namespace>> {
  const found = await Promise.all(names.map((name) => namespaces.getByName(name)));
  return { items: found.filter((namespace) => namespace !== undefined), next: null };
}
