/** `/namespaces` and `/namespaces/{namespace}/limits`. */
import { okReply } from "./actions.ts";
import { actionKinds } from "./exec.ts";
import { actionLimits, sizeLimits } from "./limits.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";

/** Those of the caller's key. */
export async function listNamespaces({ namespace }: Exchange): Promise<Reply> {
  return okReply([namespace]);
}

export async function getLimits({ context }: Exchange): Promise<Reply> {
  const { timeoutMs, memoryMiB, logsMiB, concurrency } = actionLimits;
  return okReply({
    concurrentInvocations: context.namespaceCallsMax,
    allowedKinds: actionKinds(context.images.kinds),
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
