/** Namespaces, what they may, and their keys. A secret is shown once, when it is made. */
import type { Caller } from "../../auth/auth.ts";
import { isOperator } from "../../auth/authorize.ts";
import { firstNamespace, makeKey } from "../../auth/keys.ts";
import { PlatformError } from "../../model/error.ts";
import type { Egress } from "../../model/model.ts";
import { checkEgress, checkName } from "./check.ts";
import { type Door, missing } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { noContent, operation } from "./openapi.ts";
import { renderNamespace, shownEgress } from "./render.ts";
import {
  keyAnswer,
  keyPath,
  listOf,
  madeKeyAnswer,
  madeNamespaceAnswer,
  namespaceBody,
  namespaceEgressBody,
  namespacePath,
  signingAnswer,
} from "./schemas.ts";

const keys = "/v1/namespaces/:ns/keys";
const egressPath = "/v1/namespaces/:ns/egress";

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
    egressPath,
    {
      schema: {
        ...operation("getNamespaceEgress", "Platform", "What functions of a namespace connect to", namespaceEgressBody),
        params: namespacePath,
      },
    },
    async ({ params }) => {
      const namespace = await store.namespaces.getByName(params.ns);
      return { egress: shownEgress(namespace?.egress ?? null) };
    },
  );

  scope.put(
    egressPath,
    {
      schema: {
        ...operation("setNamespaceEgress", "Platform", "Say what functions of a namespace connect to", namespaceEgressBody),
        description:
          "For callers on loopback, and with a key of the first namespace. It holds for functions that leave it to the namespace, as all do of which nothing else is said, from their next start on; sandboxes from before get no new calls.",
        params: namespacePath,
        body: namespaceEgressBody,
      },
    },
    (request) => setEgress(parts, caller(request), request.params.ns, request.body.egress),
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

  scope.get(
    `${keys}/:id/signing`,
    {
      schema: {
        ...operation("getSigningPair", "Platform", "What clients of Lambda's API sign with in place of a key", signingAnswer),
        description: "It belongs to the key, and is refused when that is.",
        params: keyPath,
      },
    },
    async ({ params }) => {
      const known = await store.keys.get(params.id);
      if (known?.namespace !== params.ns) throw missing("key", params.id);
      if (parts.signing === undefined)
        throw new PlatformError("unsupported", "This server has no door for requests that are signed");
      return { ...parts.signing.pairs.pairOf(known.id), region: parts.signing.region };
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

async function setEgress(parts: KilnParts, caller: Caller, namespace: string, egress: Egress | null) {
  requireOperator(caller);
  if (egress !== null) checkEgress(egress);
  await parts.store.namespaces.setEgress(namespace, egress);
  parts.setEgress?.(namespace, egress);
  return { egress: shownEgress(egress) };
}

/** Whoever runs the server is on its machine, or has the key that it made at first start. */
export function requireOperator(caller: Caller): void {
  if (isOperator(caller)) return;
  throw new PlatformError("forbidden", `Only a key of namespace ${firstNamespace} may make namespaces and say what they may`, {
    details: { namespace: firstNamespace },
  });
}
