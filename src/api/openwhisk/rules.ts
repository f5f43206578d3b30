/** `/namespaces/{namespace}/rules` and what is below it. */
import { sharedApp } from "../../invocation/shared-app.ts";
import { asPlatformError } from "../../model/error.ts";
import { type FunctionName, namedPath } from "../../model/function-name.ts";
import type { Rule, Trigger } from "../../model/model.ts";
import { objectIn } from "./body.ts";
import { checkFree, missingIn } from "./collections.ts";
import { isRace, listed, put, removed } from "./entity.ts";
import { badRequest, changedMeanwhile, notEntitled, notFoundBecause, status } from "./errors.ts";
import { sizeLimits } from "./limits.ts";
import { okReply } from "./ok-reply.ts";
import type { Reply } from "./reply.ts";
import type { Exchange } from "./routes.ts";
import {
  changedRule,
  type Link,
  newRule,
  readRule,
  readStatus,
  renderRule,
  type RuleGiven,
  statusOf,
  summarizeRule,
  switchedRule,
} from "./rule.ts";

const attemptsMax = 100;

export async function listRules(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const { rules } = context.store;
  return await listed(exchange, "rules", {
    latest: (page) => rules.latest(namespace, page),
    count: () => rules.count(namespace),
    render: summarizeRule,
  });
}

export async function getRule(exchange: Exchange): Promise<Reply> {
  const rule = await ruleNamed(exchange);
  return okReply(renderRule(rule, statusOf(rule, await triggerOf(exchange, rule))));
}

export async function putRule(exchange: Exchange): Promise<Reply> {
  const { context, namespace, name, request } = exchange;
  const given = readRule(await objectIn(request, sizeLimits.bodyBytesMax), namespace);
  checkRights(exchange, given);
  const rule = await put<Rule>(exchange, context.store.rules, {
    async make(now) {
      await checkFree(exchange, "rules", name);
      const { trigger, action } = given;
      if (trigger === undefined || action === undefined) throw badRequest("rule requires a valid trigger and a valid action");
      return newRule({ id: context.world.newId(), namespace, name, now }, given, await linkOf(exchange, trigger, action));
    },
    async merge(stored, now) {
      const wasActive = statusOf(stored, await triggerOf(exchange, stored)) === "active";
      const trigger = given.trigger ?? { namespace, app: null, name: stored.triggerName };
      return changedRule(stored, given, await linkOf(exchange, trigger, given.action ?? stored.target), wasActive, now);
    },
  });
  context.events.changed(namespace);
  return okReply(renderRule(rule, rule.active ? "active" : "inactive"));
}

/** Switches a rule on or off. */
export async function postRule(exchange: Exchange): Promise<Reply> {
  const { context, namespace, request } = exchange;
  const wanted = readStatus(await objectIn(request, sizeLimits.bodyBytesMax));
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const rule = await ruleNamed(exchange);
    const trigger = await triggerOf(exchange, rule);
    if (statusOf(rule, trigger) === wanted) return emptyReply;
    if (trigger === undefined) throw notFoundBecause("Only rules with existing triggers can be activated");
    try {
      await context.store.rules.update(switchedRule(rule, trigger, wanted === "active"));
      context.events.changed(namespace);
      return emptyReply;
    } catch (error) {
      if (!isRace(error)) throw error;
    }
  }
  throw changedMeanwhile();
}

export async function removeRule(exchange: Exchange): Promise<Reply> {
  const { context, namespace } = exchange;
  const rule = await ruleNamed(exchange);
  await removed(context.store.rules.remove(namespace, rule.id));
  context.events.changed(namespace);
  return okReply(renderRule(rule, "inactive"));
}

const emptyReply: Reply = { status: status.ok, headers: [], body: "" };

async function ruleNamed(exchange: Exchange): Promise<Rule> {
  const { context, namespace, name } = exchange;
  const rule = await context.store.rules.getByName(namespace, name);
  if (rule === undefined) throw await missingIn(exchange, "rules", name);
  return rule;
}

/** The trigger that has the name now. */
async function triggerOf({ context, namespace }: Exchange, { triggerName }: Rule): Promise<Trigger | undefined> {
  return await context.store.triggers.getByName(namespace, triggerName);
}

/** Of other namespaces there are only packages to be read. */
function checkRights({ namespace }: Exchange, { trigger, action }: RuleGiven): void {
  const foreign = [trigger, action?.app === null ? action : undefined].filter(
    (named) => named !== undefined && named.namespace !== namespace,
  ) as readonly FunctionName[];
  if (foreign.length > 0) throw notEntitled(foreign.map(namedPath).toSorted().join(", "));
}

/** Throws `Refusal` where one of them is not there, or not to be read. */
async function linkOf(exchange: Exchange, named: FunctionName, target: FunctionName): Promise<Link> {
  const { context, namespace } = exchange;
  const trigger = named.app === null ? await context.store.triggers.getByName(namespace, named.name) : undefined;
  if (trigger === undefined) throw badRequest(`trigger /${namedPath(named)} does not exist`);
  if (!(await isAction(exchange, target))) throw badRequest(`action /${namedPath(target)} does not exist`);
  return { trigger, target };
}

async function isAction({ context, namespace }: Exchange, { namespace: owner, app: pkg, name }: FunctionName): Promise<boolean> {
  const { apps, functions } = context.store;
  if (pkg === null) return (await functions.getByName(owner, null, name)) !== undefined;
  try {
    const { app } = await sharedApp(apps, namespace, owner, pkg);
    return (await functions.getByName(app.namespace, app.id, name)) !== undefined;
  } catch (error) {
    if (asPlatformError(error).code === "not_found") return false;
    throw error;
  }
}
