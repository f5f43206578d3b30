/** What calls a function of a Serverless Framework file: schedules and HTTP APIs that a function URL can stand for; anything else is named. */
import { HttpEvents } from "./http-events.ts";
import type { Property } from "./property.ts";
import { scheduleOf } from "./schedule.ts";
import type { ServerlessReading } from "./serverless-reading.ts";
import type { Called } from "./template-events.ts";
import type { WantedSchedule } from "./wanted.ts";
import { mapIn } from "./resources.ts";

export function serverlessEventsOf(reading: ServerlessReading, key: string, fn: string, events: Property): Called {
  const schedules: WantedSchedule[] = [];
  const http = new HttpEvents();
  for (const event of events.items) {
    const type = typeof event.value === "string" ? event.value : (Object.keys(mapIn(event.value))[0] ?? "");
    const said = event.at(type);
    if (type === "schedule") schedules.push(...scheduled(reading, fn, key, said, schedules.length));
    else if (type === "eventBridge" && said.at("schedule").isThere)
      schedules.push(...bridged(reading, fn, key, said, schedules.length));
    else if (type === "httpApi") readHttpApi(reading, http, said.isThere ? said : event);
    else if (event.isThere)
      (said.isThere ? said : event).missing(
        `${sources[type] ?? `events of the type ${type}`} do not call functions here`,
        fixes[type] ?? "call the function from what knows of such events",
      );
  }
  return { schedules, url: http.url };
}

/** One may name several times. */
function scheduled({ resources }: ServerlessReading, fn: string, key: string, said: Property, before: number): WantedSchedule[] {
  const isPlain = typeof said.value !== "object";
  const rate = isPlain ? said : said.at("rate");
  const isScheduler = said.at("method").value === "scheduler";
  for (const each of ["inputPath", "inputTransformer"])
    if (said.at(each).isThere) said.at(each).missing(`${each} of a schedule has no counterpart`, "say input, which is the event");
  const all = Array.isArray(rate.value) ? rate.items : [rate];
  return all.flatMap((expression, i) => {
    const schedule = scheduleOf({
      fn,
      name: (i === 0 ? said.at("name").text() : undefined) ?? `${key}-schedule-${before + i + 1}`,
      at: said,
      expression,
      input: said.at("input"),
      timeZone: isScheduler ? said.at("timezone") : undefined,
      enabled: isPlain || said.at("enabled").flag() !== false,
      source: isScheduler ? "aws.scheduler" : "aws.events",
      identity: resources.identity,
    });
    return schedule ?? [];
  });
}

function bridged({ resources }: ServerlessReading, fn: string, key: string, said: Property, before: number): WantedSchedule[] {
  const schedule = scheduleOf({
    fn,
    name: said.at("name").text() ?? `${key}-schedule-${before + 1}`,
    at: said,
    expression: said.at("schedule"),
    input: said.at("input"),
    enabled: said.at("enabled").flag() !== false,
    source: "aws.events",
    identity: resources.identity,
  });
  return schedule === undefined ? [] : [schedule];
}

/** `GET /path`, `*`, or a map. */
function readHttpApi({ provider }: ServerlessReading, http: HttpEvents, said: Property): void {
  const [first = "*", second] = typeof said.value === "string" && said.value !== "httpApi" ? said.value.trim().split(/\s+/) : [];
  const isMap = typeof said.value === "object";
  const method = isMap ? (said.at("method").text() ?? "*") : first;
  const path = isMap ? (said.at("path").text() ?? "*") : (second ?? "*");
  const authorizer = said.at("authorizer");
  http.add({
    at: said,
    method: method === "*" ? "ANY" : method.toUpperCase(),
    path: path === "*" ? "$default" : path,
    payload: String(mapIn(provider["httpApi"])["payload"] ?? "2.0"),
    authorizer: authorizer.isThere
      ? ((typeof authorizer.value === "object" ? authorizer.at("name").text() : authorizer.text()) ?? "unnamed")
      : null,
  });
}

const sources: Readonly<Record<string, string>> = {
  http: "REST APIs (http)",
  websocket: "WebSocket APIs",
  sqs: "queues (SQS)",
  sns: "topics (SNS)",
  s3: "buckets (S3)",
  stream: "streams",
  eventBridge: "rules of EventBridge",
  cloudwatchEvent: "rules of EventBridge",
  cloudwatchLog: "logs of CloudWatch",
  cognitoUserPool: "user pools (Cognito)",
  alb: "load balancers",
  kafka: "topics of Kafka",
  msk: "topics of Kafka",
};

const fixes: Readonly<Record<string, string>> = {
  http: "say httpApi, or url: true, if the function takes events of format 2.0",
};
