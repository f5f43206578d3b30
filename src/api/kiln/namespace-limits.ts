/** What a namespace may do, as far as it is counted (`metering/`). */
import type { Static } from "typebox";
import type { Caller } from "../../auth/auth.ts";
import type { NamespaceLimits } from "../../model/model.ts";
import type { Door } from "./door.ts";
import type { KilnParts } from "./kiln.ts";
import { requireOperator } from "./namespaces.ts";
import { operation } from "./openapi.ts";
import { namespaceLimitsAnswer, namespaceLimitsBody, namespacePath } from "./schemas.ts";

const path = "/v1/namespaces/:ns/limits";

export function namespaceLimitRoutes({ scope, parts, caller }: Door): void {
  scope.get(
    path,
    {
      schema: {
        ...operation("getNamespaceLimits", "Platform", "What a namespace may have at a time", namespaceLimitsAnswer),
        params: namespacePath,
      },
    },
    async ({ params }) => shownLimits(parts, params.ns),
  );

  scope.put(
    path,
    {
      schema: {
        ...operation("setNamespaceLimits", "Platform", "Give a namespace limits of its own", namespaceLimitsAnswer),
        description:
          "For callers on loopback, and with a key of the first namespace. What is left out stays as it is; zero lets nothing through.",
        params: namespacePath,
        body: namespaceLimitsBody,
      },
    },
    (request) => setLimits(parts, caller(request), request.params.ns, request.body),
  );
}

function shownLimits({ quotas, namespaceLimits }: KilnParts, namespace: string) {
  const { callsMax, callsPerMinuteMax, firesPerMinuteMax } = quotas.limitsOf(namespace);
  return { calls: callsMax, callsPerMinute: callsPerMinuteMax, firesPerMinute: firesPerMinuteMax, ...namespaceLimits };
}

type LimitsBody = Static<typeof namespaceLimitsBody>;

/** They hold before they are on the disk, so that of two changes at a time none is lost. */
async function setLimits(parts: KilnParts, caller: Caller, namespace: string, body: LimitsBody) {
  requireOperator(caller);
  const { quotas, store } = parts;
  const before = quotas.givenTo(namespace);
  const given = changedLimits(before, body);
  quotas.limit(namespace, given);
  try {
    await store.namespaces.setLimits(namespace, given);
  } catch (error) {
    quotas.limit(namespace, before);
    throw error;
  }
  return shownLimits(parts, namespace);
}

function changedLimits(before: Partial<NamespaceLimits>, { calls, callsPerMinute, firesPerMinute }: LimitsBody) {
  const changed = { callsMax: calls, callsPerMinuteMax: callsPerMinute, firesPerMinuteMax: firesPerMinute };
  const entries = Object.entries({ ...before, ...definedOf(changed) });
  return Object.fromEntries(entries.filter(([, value]) => value !== null)) as Partial<NamespaceLimits>;
}

function definedOf<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
