/** How many calls of a function run at once, whatever their version: more are refused, and those of type Event wait. */
import { checkSettled } from "./change.ts";
import { invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { wholeIn } from "./fields.ts";
import { unqualified } from "./found.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";

export async function putConcurrency(exchange: Exchange): Promise<Reply> {
  const { context, namespace, body } = exchange;
  const found = await unqualified(exchange);
  const wanted = wholeIn(body, "ReservedConcurrentExecutions", { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (wanted === undefined) throw invalidParameter("ReservedConcurrentExecutions is missing");
  const { callsMax } = context.quotas.limitsOf(namespace);
  if (wanted > callsMax)
    throw invalidParameter(
      `Specified ReservedConcurrentExecutions for function is over the ${callsMax} calls at once of its namespace`,
    );
  checkSettled(exchange, found);
  await context.notes.change(found.fn, (notes) => ({ ...notes, callsMax: wanted }));
  context.reserved.set(found.fn, wanted);
  return jsonReply(status.ok, { ReservedConcurrentExecutions: wanted });
}

export async function getConcurrency(exchange: Exchange): Promise<Reply> {
  const { fn } = await unqualified(exchange);
  const { callsMax } = await exchange.context.notes.of(fn);
  return jsonReply(status.ok, callsMax === undefined ? {} : { ReservedConcurrentExecutions: callsMax });
}

export async function removeConcurrency(exchange: Exchange): Promise<Reply> {
  const { context } = exchange;
  const { fn } = await unqualified(exchange);
  await context.notes.change(fn, ({ callsMax: _gone, ...notes }) => notes);
  context.reserved.set(fn, null);
  return nothingReply;
}
