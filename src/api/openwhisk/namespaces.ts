/** `/namespaces` and `/namespaces/{namespace}/limits`. */
import { okReply } from "./ok-reply.ts";
import { actionLimits, sizeLimits } from "./limits.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";

/** Those of the caller's key. */
export async function listNamespaces({ namespace }: Exchange): Promise<Reply> {
  return okReply([namespace]);
}

export async function getLimits({ context, namespace }: Exchange): Promise<Reply> {
  const { timeoutMs, memoryMiB, logsMiB, concurrency } = actionLimits;
  const { callsMax, callsPerMinuteMax, firesPerMinuteMax } = context.quotas.limitsOf(namespace);
  return okReply({
    invocationsPerMinute: callsPerMinuteMax,
    concurrentInvocations: callsMax,
    firesPerMinute: firesPerMinuteMax,
    allowedKinds: context.kinds.list().map(({ name }) => name),
    storeActivations: true,
    minActionMemory: memoryMiB.min,
    maxActionMemory: memoryMiB.max,
    minActionTimeout: timeoutMs.min,
    maxActionTimeout: timeoutMs.max,
    minActionLogs: logsMiB.min,
    maxActionLogs: logsMiB.max,
    minActionConcurrency: concurrency.min,
    maxActionConcurrency: concurrency.max,
    maxParameterSize: `${sizeLimits.parametersBytesMax / (1024 * 1024)} MB`,
  });
}
