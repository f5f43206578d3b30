/** Resources of CloudFormation that say something of a function: URLs, aliases, what becomes of events, rules that are schedules. */
import type { Path } from "../project/yaml-file.ts";
import { Unknown } from "./intrinsics.ts";
import { Property } from "./property.ts";
import type { Remarks } from "./remarks.ts";
import type { Resources } from "./resources.ts";
import { type ScheduleParts, scheduleOf } from "./schedule.ts";
import { urlOf } from "./url.ts";
import type { EventSettings, UrlSettings, WantedFunction, WantedSchedule } from "./wanted.ts";

export interface Attached {
  url: UrlSettings | null;
  alias: WantedFunction["alias"];
  events: EventSettings | null;
  readonly schedules: WantedSchedule[];
}

/** By the logical name of the function. */
export function attachedTo(resources: Resources, remarks: Remarks): ReadonlyMap<string, Attached> {
  const all = new Map<string, Attached>();
  const to = (id: string): Attached => {
    const found = all.get(id) ?? { url: null, alias: null, events: null, schedules: [] };
    all.set(id, found);
    return found;
  };
  for (const id of resources.otherIds) {
    const read = readers[resources.typeOf(id)];
    if (read === undefined || resources.isWanted(id) === false) continue;
    read({ resources, remarks, id, to });
  }
  return all;
}

interface Reading {
  readonly resources: Resources;
  readonly remarks: Remarks;
  readonly id: string;
  readonly to: (id: string) => Attached;
}

const readers: Readonly<Record<string, (reading: Reading) => void>> = {
  "AWS::Lambda::Url": (reading) =>
    withTarget(reading, "TargetFunctionArn", (attached, property) => {
      attached.url = urlOf(property);
    }),
  "AWS::Lambda::Alias": (reading) =>
    withTarget(reading, "FunctionName", (attached, property) => {
      const name = property.at("Name").text();
      if (name === undefined) return;
      if (property.at("RoutingConfig").isThere)
        property
          .at("RoutingConfig")
          .missing(
            "weights between versions are set when both are there",
            "take RoutingConfig out, and use aws lambda update-alias",
          );
      attached.alias = {
        name,
        provisioned: property.at("ProvisionedConcurrencyConfig").at("ProvisionedConcurrentExecutions").whole() ?? null,
      };
    }),
  "AWS::Lambda::EventInvokeConfig": (reading) =>
    withTarget(reading, "FunctionName", (attached, property) => {
      const destination = (name: string) => property.at("DestinationConfig").at(name).at("Destination").text();
      attached.events = {
        MaximumRetryAttempts: property.at("MaximumRetryAttempts").whole(),
        MaximumEventAgeInSeconds: property.at("MaximumEventAgeInSeconds").whole(),
        OnSuccess: destination("OnSuccess"),
        OnFailure: destination("OnFailure"),
      };
    }),
  "AWS::Lambda::EventSourceMapping": (reading) =>
    withTarget(reading, "FunctionName", (_, property) => {
      property.missing(
        `${reading.id}: queues and streams do not call functions here`,
        "call the function from what knows of such events",
      );
    }),
  "AWS::Events::Rule": readRule,
  "AWS::Scheduler::Schedule": readScheduler,
};

/** Finds the function that a property refers to. One that is not of the file is remarked. */
function withTarget(reading: Reading, key: string, read: (attached: Attached, property: Property) => void): void {
  const { resources, to } = reading;
  const value = resources.intrinsics.value(resources.propertiesOf(reading.id)[key]);
  const fn = functionAt(resources, value);
  if (fn === undefined) return elsewhere(reading, [key]);
  read(to(fn.id), propertyOf(reading, fn.name));
}

function propertyOf({ resources, remarks, id }: Reading, of: string): Property {
  return new Property(resources.intrinsics.value(resources.propertiesOf(id)), ["Resources", id, "Properties"], of, remarks);
}

function elsewhere({ remarks, resources, id }: Reading, below: Path): void {
  remarks.different(
    null,
    ["Resources", id, "Properties", ...below],
    `${id} (${resources.typeOf(id)}) is for no function of the file, and is not made`,
  );
}

/** `value`: a name or an ARN, also of an alias. */
function functionAt(resources: Resources, value: unknown): { readonly id: string; readonly name: string } | undefined {
  if (typeof value !== "string") return undefined;
  for (const id of resources.functionIds) {
    const name = resources.functionName(id);
    if (
      !(name instanceof Unknown) &&
      (value === name || value === resources.arnOf(name) || value.startsWith(`${resources.arnOf(name)}:`))
    )
      return { id, name };
  }
  return undefined;
}

/** A rule with a pattern is told as one of EventBridge's. */
function readRule(reading: Reading): void {
  const { resources, id, to } = reading;
  const targets = propertyOf(reading, id).at("Targets").items;
  for (const [i, target] of targets.entries()) {
    const fn = functionAt(resources, target.at("Arn").value);
    if (fn === undefined) {
      elsewhere(reading, ["Targets", i]);
      continue;
    }
    const rule = propertyOf(reading, fn.name);
    if (rule.at("ScheduleExpression").isThere)
      to(fn.id).schedules.push(
        ...scheduled(reading, rule, fn.name, { source: "aws.events", input: rule.at("Targets").at(i).at("Input") }),
      );
    else
      rule.missing(`${id}: rules of EventBridge do not call functions here`, "call the function from what knows of such events");
  }
}

function readScheduler(reading: Reading): void {
  const { resources, id, to } = reading;
  const fn = functionAt(resources, propertyOf(reading, id).at("Target").at("Arn").value);
  if (fn === undefined) return elsewhere(reading, []);
  const schedule = propertyOf(reading, fn.name);
  to(fn.id).schedules.push(
    ...scheduled(reading, schedule, fn.name, { source: "aws.scheduler", input: schedule.at("Target").at("Input") }),
  );
}

type From = Pick<ScheduleParts, "source" | "input">;

function scheduled({ resources, id }: Reading, properties: Property, fn: string, from: From): readonly WantedSchedule[] {
  const schedule = scheduleOf({
    ...from,
    fn,
    name: properties.at("Name").text() ?? id,
    at: properties,
    expression: properties.at("ScheduleExpression"),
    timeZone: properties.at("ScheduleExpressionTimezone"),
    startsAt: properties.at("StartDate"),
    endsAt: properties.at("EndDate"),
    enabled: properties.at("State").text() !== "DISABLED",
    identity: resources.identity,
  });
  return schedule === undefined ? [] : [schedule];
}
