import { isJsonType } from "../../lib/json-type.ts";
import { firstJsonValue, jsonMembers } from "../../lib/json-text.ts";
import { PlatformError } from "../../model/error.ts";
import type { Fn } from "../../model/model.ts";
import type { FunctionRequest } from "../protocol.ts";
import { contentTypeOf, deadlineOf, headOf, objectOf, protocolOf } from "./answer.ts";
import type { ObjectExchange } from "./objects.ts";

const eventType = "application/cloudevents+json";

/**
 * A call in the format `cloudevent`. A body that is an event itself is passed on as that event, and the answer's event is the answer. Of
 * any other, JSON becomes `data` as it is written, and the rest a string.
 */
export function cloudEventExchange(request: FunctionRequest, body: Buffer, fn: Fn): ObjectExchange {
  const contentType = contentTypeOf(request);
  const isEvent = contentType.toLowerCase().startsWith(eventType);
  const members = isEvent ? eventOf(body) : newEvent(request, contentType, body, fn);
  const extensions = new Map(jsonMembers(members.get("extensions") ?? "{}"));
  extensions.set("protocol", JSON.stringify(protocolOf(request)));
  extensions.set("deadline", JSON.stringify(deadlineOf(request)));
  members.set("extensions", objectText(extensions));
  return { line: objectText(members), answer: (event) => answerOf(event, isEvent) };
}

/** Members as JSON text, so that numbers and the order of keys stay as they were sent. */
type Members = Map<string, string>;

const objectText = (members: Members) => `{${[...members].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;

function eventOf(body: Buffer): Members {
  const text = firstJsonValue(body.toString("utf8"));
  if (text?.startsWith("{") !== true) throw invalidBody(`The body is no JSON object, although its type is ${eventType}`);
  const members = new Map(jsonMembers(text));
  if (members.get("extensions")?.startsWith("{") !== true) members.set("extensions", "{}");
  return members;
}

function newEvent(request: FunctionRequest, contentType: string, body: Buffer, fn: Fn): Members {
  const event = {
    cloudEventsVersion: "0.1",
    eventID: request.callId,
    source: request.http?.url ?? `/${fn.id}`,
    eventType: "http",
    contentType,
  };
  const members = new Map(Object.entries(event).map(([name, value]) => [name, JSON.stringify(value)]));
  if (body.length > 0) members.set("data", dataOf(contentType, body.toString("utf8")));
  return members;
}

function dataOf(contentType: string, text: string): string {
  if (!isJsonType(contentType)) return JSON.stringify(text);
  const value = firstJsonValue(text);
  if (value === undefined) throw invalidBody(`The body is no valid JSON, although its type is ${contentType}`);
  return value;
}

function answerOf(event: Readonly<Record<string, unknown>>, isEvent: boolean) {
  const { protocol } = objectOf("extensions", event["extensions"] ?? {});
  const { contentType, data } = event;
  if (isEvent) return { ...headOf(protocol, eventType), body: Buffer.from(JSON.stringify(event)) };
  const isText = typeof data === "string" && !(typeof contentType === "string" && isJsonType(contentType));
  const text = isText ? data : data === undefined ? "" : JSON.stringify(data);
  return { ...headOf(protocol, contentType), body: Buffer.from(text) };
}

function invalidBody(message: string): PlatformError {
  return new PlatformError("invalid", message);
}
