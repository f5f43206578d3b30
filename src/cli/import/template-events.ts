/** What calls a function of SAM (`Events`): schedules and HTTP APIs that a function URL can stand for; anything else is named. */
import type { Property } from "./property.ts";
import { scheduleOf } from "./schedule.ts";
import type { TemplateReading } from "./template.ts";
import type { UrlSettings, WantedSchedule } from "./wanted.ts";
import { HttpEvents } from "./http-events.ts";

export interface Called {
  readonly schedules: readonly WantedSchedule[];
  readonly url: UrlSettings | null;
}

export function eventsOf(reading: TemplateReading, id: string, fn: string, events: Property): Called {
  const schedules: WantedSchedule[] = [];
  const http = new HttpEvents();
  for (const [name, event] of events.entries) {
    const type = event.at("Type").text() ?? "";
    const properties = event.at("Properties");
    if (type === "Schedule" || type === "ScheduleV2") schedules.push(...scheduled(reading, { id, fn, name, event }));
    else if (type === "HttpApi") readHttpApi(http, event, properties);
    else
      event.missing(
        `${name}: ${sourceOf(type)} do not call functions here`,
        fixes[type] ?? "call the function from what knows of such events",
      );
  }
  return { schedules, url: http.url };
}

interface ScheduleEvent {
  readonly id: string;
  readonly fn: string;
  readonly name: string;
  readonly event: Property;
}

function scheduled({ resources }: TemplateReading, { id, fn, name, event }: ScheduleEvent): readonly WantedSchedule[] {
  const isScheduler = event.at("Type").value === "ScheduleV2";
  const properties = event.at("Properties");
  const off = properties.at("Enabled").flag() === false || properties.at("State").text() === "DISABLED";
  if (properties.at("DeadLetterConfig").isThere)
    properties.at("DeadLetterConfig").missing(`${name}: a dead letter queue is not here`);
  const schedule = scheduleOf({
    fn,
    name: properties.at("Name").text() ?? `${id}${name}`,
    at: event,
    expression: properties.at(isScheduler ? "ScheduleExpression" : "Schedule"),
    input: properties.at("Input"),
    timeZone: isScheduler ? properties.at("ScheduleExpressionTimezone") : undefined,
    startsAt: isScheduler ? properties.at("StartDate") : undefined,
    endsAt: isScheduler ? properties.at("EndDate") : undefined,
    enabled: !off,
    source: isScheduler ? "aws.scheduler" : "aws.events",
    identity: resources.identity,
  });
  return schedule === undefined ? [] : [schedule];
}

function readHttpApi(http: HttpEvents, event: Property, properties: Property): void {
  const method = (properties.at("Method").text() ?? "ANY").toUpperCase();
  http.add({
    at: event,
    method,
    path: properties.at("Path").text() ?? "$default",
    payload: properties.at("PayloadFormatVersion").text() ?? "2.0",
    authorizer: properties.at("Auth").at("Authorizer").text() ?? null,
  });
}

function sourceOf(type: string): string {
  return sources[type] ?? `events of the type ${type || "that is missing"}`;
}

const sources: Readonly<Record<string, string>> = {
  Api: "REST APIs",
  SQS: "queues (SQS)",
  SNS: "topics (SNS)",
  S3: "buckets (S3)",
  DynamoDB: "streams of DynamoDB",
  Kinesis: "streams of Kinesis",
  EventBridgeRule: "rules of EventBridge",
  CloudWatchEvent: "rules of EventBridge",
  CloudWatchLogs: "logs of CloudWatch",
  Cognito: "user pools (Cognito)",
  MSK: "topics of Kafka",
  SelfManagedKafka: "topics of Kafka",
};

const fixes: Readonly<Record<string, string>> = {
  Api: "say HttpApi, or FunctionUrlConfig, if the function takes events of format 2.0",
};
