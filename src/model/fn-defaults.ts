import { limits } from "./limits.ts";
import { byNamespace, type Delivery, type Fn } from "./model.ts";

/** What becomes of asynchronous calls where nothing was said: as with Lambda, two retries within six hours. */
export const deliveryDefaults: Delivery = {
  attemptsMax: limits.delivery.attemptsMax.default,
  backoffMs: limits.delivery.backoffMs.default,
  ageMsMax: limits.delivery.ageMsMax.default,
  onSuccess: null,
  onFailure: null,
};

/** The settings of a function about which nothing was said. Doors with other defaults (Fn's timeouts) put theirs above. */
export const fnDefaults = {
  memoryMiB: limits.memoryMiB.default,
  timeoutMs: limits.timeoutMs.default,
  idleTimeoutMs: limits.idleTimeoutMs.default,
  concurrency: limits.concurrency.default,
  sandboxesMax: limits.sandboxesMax.default,
  isolation: "shared",
  sandboxAgeMsMax: limits.sandboxAgeMsMax.default,
  provisioned: limits.provisioned.default,
  keepAlive: "fixed",
  egress: byNamespace,
  delivery: deliveryDefaults,
  traffic: [],
  config: {},
  parameters: {},
  annotations: {},
} as const satisfies Partial<Fn>;
