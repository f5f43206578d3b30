/** `/namespaces/{namespace}/triggers` and what is below it, but for firing. */
import type { Trigger } from "../../model/model.ts";
import { objectIn } from "./body.ts";
import { checkFree, missingIn } from "./collections.ts";
import { listed, put, removed } from "./entity.ts";
import { sizeLimits } from "./limits.ts";
import { okReply } from "./ok-reply.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import { changedTrigger, newTrigger, readTrigger, renderTrigger, summarizeTrigger } from "./trigger.ts";

export async function listTriggers(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const { triggers } = context.store;
  return await listed(exchange, "triggers", {
    latest: (page) => triggers.latest(namespace, page),
    count: () => triggers.count(namespace),
    render: summarizeTrigger,
  });
}

export async function getTrigger(exchange: Exchange): Promise<Reply> {
  return await shown(exchange, await triggerNamed(exchange));
}

export async function putTrigger(exchange: Exchange): Promise<Reply> {
  const { context, namespace, name, request } = exchange;
  const given = readTrigger(await objectIn(request, sizeLimits.bodyBytesMax));
  const trigger = await put<Trigger>(exchange, context.store.triggers, {
    async make(now) {
      await checkFree(exchange, "triggers", name);
      return newTrigger({ id: context.world.newId(), namespace, name, now }, given);
    },
    merge: async (stored, now) => changedTrigger(stored, given, now),
  });
  context.events.changed(namespace);
  return await shown(exchange, trigger);
}

export async function removeTrigger(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const trigger = await triggerNamed(exchange);
  const reply = await shown(exchange, trigger);
  await removed(context.store.triggers.remove(namespace, trigger.id));
  context.events.changed(namespace);
  return reply;
}

async function shown({ context, namespace }: Exchange, trigger: Trigger): Promise<Reply> {
  return okReply(renderTrigger(trigger, await context.store.rules.ofTrigger(namespace, trigger.id)));
}

async function triggerNamed(exchange: Exchange): Promise<Trigger> {
  const { context, namespace, name } = exchange;
  const trigger = await context.store.triggers.getByName(namespace, name);
  if (trigger === undefined) throw await missingIn(exchange, "triggers", name);
  return trigger;
}
