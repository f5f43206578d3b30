/** A trigger's fields: from a body to the model, and back to the wire. */
import { namedPath } from "../../model/function-name.ts";
import type { Annotations, Rule, Trigger } from "../../model/model.ts";
import { commonFields, type Described, describedAnnotations, isAbsent, readDescribed } from "./entity.ts";
import { badRequest } from "./errors.ts";
import { isNamePath } from "./names.ts";
import { readParameters, renderParameters } from "./parameters.ts";
import { actionIn, statusOf } from "./rule.ts";

/** A body, checked; what it leaves out is undefined. */
export interface TriggerGiven extends Described {
  readonly parameters: Trigger["parameters"] | undefined;
}

/** Throws `Refusal`. */
export function readTrigger(body: Readonly<Record<string, unknown>>): TriggerGiven {
  const { parameters } = body;
  return {
    ...readDescribed(body),
    parameters: isAbsent(parameters) ? undefined : readParameters(parameters).parameters,
  };
}

export type NewTrigger = Pick<Trigger, "id" | "namespace" | "name"> & { readonly now: number };

/** Throws `Refusal`. */
export function newTrigger({ now, ...keys }: NewTrigger, given: TriggerGiven): Trigger {
  checkFeed(given.annotations);
  return changed({ ...keys, parameters: {}, annotations: {}, revision: 1, createdAt: now, updatedAt: now }, given, 1, now);
}

/** What a body makes of a trigger: a new revision. */
export function changedTrigger(stored: Trigger, given: TriggerGiven, now: number): Trigger {
  return changed(stored, given, stored.revision + 1, now);
}

function changed(trigger: Trigger, given: TriggerGiven, revision: number, updatedAt: number): Trigger {
  return {
    ...trigger,
    parameters: given.parameters ?? trigger.parameters,
    annotations: describedAnnotations(trigger.annotations, given, revision),
    revision,
    updatedAt,
  };
}

/** The action that provides the events is called by the client: here only its name is looked at. */
function checkFeed(annotations: Annotations | undefined): void {
  const json = annotations?.["feed"];
  if (json === undefined) return;
  const feed: unknown = JSON.parse(json);
  if (typeof feed !== "string" || !isNamePath(feed)) throw badRequest("Feed name is not valid");
}

/**
 * A trigger in a list. OpenWhisk's has no parameters; wskdeploy's export looks nowhere else for them, and would lose them. Large ones are left
 * out, as a list has many.
 */
export function summarizeTrigger(trigger: Trigger): object {
  const { parameters } = trigger;
  const common = commonFields(trigger);
  const isLarge = JSON.stringify(parameters).length > summaryCharactersMax;
  return isLarge ? common : { ...common, parameters: renderParameters({ parameters, config: {} }) };
}

const summaryCharactersMax = 4096;

/** The whole trigger. `rules`: those that it fires. */
export function renderTrigger(trigger: Trigger, rules: readonly Rule[] = []): object {
  const { parameters } = trigger;
  const common = { ...commonFields(trigger), parameters: renderParameters({ parameters, config: {} }), limits: {} };
  if (rules.length === 0) return common;
  const linked = rules.map((rule) => {
    const link = { action: actionIn(rule), status: statusOf(rule, trigger) };
    return [namedPath({ namespace: rule.namespace, app: null, name: rule.name }), link] as const;
  });
  return { ...common, rules: Object.fromEntries(linked) };
}
