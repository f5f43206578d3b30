/** A rule's fields: from a body to the model, and back to the wire. */
import type { FunctionName } from "../../model/function-name.ts";
import type { Rule, Trigger } from "../../model/model.ts";
import { commonFields, type Described, describedAnnotations, isAbsent, readDescribed } from "./entity.ts";
import { malformed } from "./errors.ts";
import { withSameVersion } from "./meta.ts";
import { referenceOf } from "./names.ts";

/** A body, checked; what it leaves out is undefined. A trigger is named as a function of the null app is. */
export interface RuleGiven extends Described {
  readonly trigger: FunctionName | undefined;
  readonly action: FunctionName | undefined;
}

/** What a body says of the status means nothing. Throws `Refusal`. */
export function readRule(body: Readonly<Record<string, unknown>>, namespace: string): RuleGiven {
  const { trigger, action } = body;
  return {
    ...readDescribed(body),
    trigger: isAbsent(trigger) ? undefined : referenceOf(trigger, namespace),
    action: isAbsent(action) ? undefined : referenceOf(action, namespace),
  };
}

export type Status = "active" | "inactive";

/** Throws `Refusal`. */
export function readStatus({ status }: Readonly<Record<string, unknown>>): Status {
  if (status === "active" || status === "inactive") return status;
  throw malformed(`'${String(status)}' is not a recognized rule state, must be one of ['active', 'inactive']`);
}

/** What a rule ties together. */
export interface Link {
  readonly trigger: Trigger;
  readonly target: FunctionName;
}

export type NewRule = Pick<Rule, "id" | "namespace" | "name"> & { readonly now: number };

export function newRule({ now, ...keys }: NewRule, given: RuleGiven, { trigger, target }: Link): Rule {
  const rule = { ...keys, target, ...namesOf(trigger), active: true, createdAt: now };
  return { ...rule, annotations: describedAnnotations({}, given, 1), revision: 1, updatedAt: now };
}

/** What a body makes of a rule: a new revision, as active as it was. */
export function changedRule(stored: Rule, given: RuleGiven, { trigger, target }: Link, active: boolean, now: number): Rule {
  const revision = stored.revision + 1;
  const annotations = describedAnnotations(stored.annotations, given, revision);
  return { ...stored, target, ...namesOf(trigger), active, annotations, revision, updatedAt: now };
}

/** Switched on or off. Its version stays, as OpenWhisk keeps that state with the trigger. */
export function switchedRule(stored: Rule, trigger: Trigger, active: boolean): Rule {
  const annotations = withSameVersion(stored.annotations);
  return { ...stored, ...namesOf(trigger), active, annotations, revision: stored.revision + 1 };
}

function namesOf({ id, name }: Trigger): Pick<Rule, "triggerId" | "triggerName"> {
  return { triggerId: id, triggerName: name };
}

/** One whose trigger was removed is not active, not even when there is another one of that name. */
export function statusOf(rule: Rule, trigger: Pick<Trigger, "id"> | undefined): Status {
  return rule.active && trigger?.id === rule.triggerId ? "active" : "inactive";
}

/** The whole rule. */
export function renderRule(rule: Rule, status: Status): object {
  return { ...summarizeRule(rule), status };
}

/** A rule in a list. */
export function summarizeRule(rule: Rule): object {
  return {
    ...commonFields(rule),
    trigger: { path: rule.namespace, name: rule.triggerName },
    action: actionIn(rule),
  };
}

/** The action as the wire names it. */
export function actionIn({ target: { namespace, app, name } }: Pick<Rule, "target">): object {
  return { path: app === null ? namespace : `${namespace}/${app}`, name };
}
