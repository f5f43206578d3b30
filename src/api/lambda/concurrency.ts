/** How many calls of a function run at once: as many sandboxes as that takes. */
import { limits } from "../../model/limits.ts";
import type { Fn } from "../../model/model.ts";
import { invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { wholeIn } from "./fields.ts";
import { changedFunction } from "./change.ts";
import { unqualified } from "./found.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";

export async function putConcurrency(exchange: Exchange): Promise<Reply> {
  const found = await unqualified(exchange);
  const wanted = wholeIn(exchange.body, "ReservedConcurrentExecutions", { min: 0, max: limits.sandboxesMax.max });
  if (wanted === undefined) throw invalidParameter("ReservedConcurrentExecutions is missing");
  if (wanted === 0)
    throw invalidParameter("ReservedConcurrentExecutions of 0 is not supported here: to stop all calls of a function, delete it");
  const { fn } = await changedFunction(exchange, found, (each) => ({
    ...each,
    sandboxesMax: Math.max(1, Math.ceil(wanted / each.concurrency)),
  }));
  return jsonReply(status.ok, { ReservedConcurrentExecutions: callsMax(fn) });
}

export async function getConcurrency(exchange: Exchange): Promise<Reply> {
  const { fn } = await unqualified(exchange);
  return jsonReply(
    status.ok,
    fn.sandboxesMax === limits.sandboxesMax.default ? {} : { ReservedConcurrentExecutions: callsMax(fn) },
  );
}

export async function removeConcurrency(exchange: Exchange): Promise<Reply> {
  const found = await unqualified(exchange);
  await changedFunction(exchange, found, (fn) => ({ ...fn, sandboxesMax: limits.sandboxesMax.default }));
  return nothingReply;
}

function callsMax({ sandboxesMax, concurrency }: Fn): number {
  return sandboxesMax * concurrency;
}
