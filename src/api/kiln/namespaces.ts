/** Namespaces and their keys. A secret is shown once, when it is made. */
import type { Caller } from "../../auth/auth.ts";
import { firstNamespace, makeKey } from "../../auth/keys.ts";
import { PlatformError } from "../../model/error.ts";
import { checkName } from "./check.ts";
import { type Door, missing } from "./door.ts";
import { noContent, operation } from "./openapi.ts";
import { renderNamespace } from "./render.ts";
import {
  keyAnswer,
  keyPath,
  listOf,
  madeKeyAnswer,
  madeNamespaceAnswer,
  namespaceBody,
  namespaceLimitsAnswer,
  namespacePath,
} from "./schemas.ts";

const keys = "/v1/namespaces/:ns/keys";

export function namespaceRoutes({ scope, parts, caller }: Door): void {
  const { store, world } = parts;

  scope.post(
    "/v1/namespaces",
    {
      schema: {
        ...operation("createNamespace", "Platform", "Make a namespace and its first key", madeNamespaceAnswer),
        description: "For callers on loopback, and with a key of the first namespace.",
        body: namespaceBody,
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      requireOperator(caller(request));
      checkName("namespace", name);
      const namespace = { id: world.newId(), name, createdAt: world.now() };
      await store.namespaces.create(namespace);
      const { key, credential } = makeKey(name, world.now());
      await store.keys.create(key);
      return reply.code(201).send({ ...renderNamespace(namespace), auth: credential });
    },
  );

  scope.get(
    "/v1/namespaces/:ns/limits",
    {
      schema: {
        ...operation("getNamespaceLimits", "Platform", "What a namespace may have at a time", namespaceLimitsAnswer),
        params: namespacePath,
      },
    },
    async () => parts.namespaceLimits,
  );

  scope.get(
    keys,
    { schema: { ...operation("listKeys", "Platform", "The keys of a namespace", listOf(keyAnswer)), params: namespacePath } },
    async ({ params }) => {
      const found = await store.keys.list(params.ns);
      const items = found.map(({ id, createdAt }) => ({ id, createdAt: new Date(createdAt).toISOString() }));
      return { items, nextCursor: null };
    },
  );

  scope.post(
    keys,
    { schema: { ...operation("createKey", "Platform", "Make a key for a namespace", madeKeyAnswer), params: namespacePath } },
    async ({ params }, reply) => {
      const { key, credential } = makeKey(params.ns, world.now());
      await store.keys.create(key);
      return reply.code(201).send({ id: key.id, createdAt: new Date(key.createdAt).toISOString(), auth: credential });
    },
  );

  scope.delete(
    `${keys}/:id`,
    { schema: { ...operation("deleteKey", "Platform", "Take a key back: it is refused at once", noContent), params: keyPath } },
    async ({ params }, reply) => {
      const known = await store.keys.get(params.id);
      if (known?.namespace !== params.ns) throw missing("key", params.id);
      await store.keys.remove(params.ns, params.id);
      parts.identifier.forget(params.id);
      return reply.code(204).send();
    },
  );
}

/** Whoever runs the server is on its machine, or has the key that it made at first start. */
function requireOperator({ namespaces }: Caller): void {
  if (namespaces === null || namespaces.includes(firstNamespace)) return;
  throw new PlatformError("forbidden", `Only a key of namespace ${firstNamespace} may make namespaces`, {
    details: { namespace: firstNamespace },
  });
}
