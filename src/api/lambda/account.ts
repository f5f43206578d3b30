/** What a namespace may do, and has. */
import { limits } from "../../model/limits.ts";
import { status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { lambdaLimits } from "./limits.ts";
import { metaOf } from "./meta.ts";
import { jsonReply, type Reply } from "./reply.ts";

export async function getAccountSettings({ context, namespace }: Exchange): Promise<Reply> {
  const { functions } = context.store;
  const count = await functions.count(namespace, undefined);
  const { callsMax } = context.quotas.limitsOf(namespace);
  let bytes = 0;
  for (let skip = 0; skip < count; skip += limits.listPage.max) {
    const page = await functions.latest(namespace, undefined, { skip, limit: limits.listPage.max });
    for (const fn of page) bytes += metaOf(fn).codeBytes ?? 0;
  }
  return jsonReply(status.ok, {
    AccountLimit: {
      TotalCodeSize: Number.MAX_SAFE_INTEGER,
      CodeSizeUnzipped: limits.code.unpackedBytesMax,
      CodeSizeZipped: lambdaLimits.zipBytesMax,
      ConcurrentExecutions: callsMax,
      UnreservedConcurrentExecutions: Math.max(0, callsMax - context.reserved.sumOf(namespace)),
    },
    AccountUsage: { TotalCodeSize: bytes, FunctionCount: count },
  });
}
