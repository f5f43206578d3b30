/** Functions that are called by the clock: the event that EventBridge would send, as far as it is the same each time. */
import type { Property } from "./property.ts";
import { type Identity, plainName } from "./resources.ts";
import { NoTiming, timingOf } from "./timing.ts";
import type { WantedSchedule } from "./wanted.ts";

export interface ScheduleParts {
  readonly fn: string;
  /** Of the event, in the file. */
  readonly name: string;
  /** Where its remarks belong. */
  readonly at: Property;
  readonly expression: Property;
  readonly input: Property;
  readonly timeZone?: Property;
  readonly startsAt?: Property;
  readonly endsAt?: Property;
  /** False: it is switched off. */
  readonly enabled: boolean;
  readonly source: "aws.events" | "aws.scheduler";
  readonly identity: Identity;
}

/** Undefined: it has no counterpart, or is switched off, which is remarked. */
export function scheduleOf(parts: ScheduleParts): WantedSchedule | undefined {
  const { fn, name, at, expression, enabled } = parts;
  const text = expression.text();
  if (text === undefined) {
    if (!expression.isThere) at.missing(`the schedule ${name} says no time`);
    return undefined;
  }
  try {
    const timed = timingOf(text, parts.timeZone?.text());
    const payload = payloadOf(parts);
    if (payload === undefined) return undefined;
    if (!enabled) {
      at.different(`the schedule ${name} is switched off, and not made`);
      return undefined;
    }
    const startsAt = parts.startsAt?.text() ?? timed.startsAt;
    const endsAt = parts.endsAt?.text() ?? timed.endsAt;
    return {
      name: plainName(`${fn}-${name}`),
      place: at.placed(),
      timing: timed.timing,
      startsAt,
      endsAt,
      payload: payload.event,
    };
  } catch (error) {
    if (!(error instanceof NoTiming)) throw error;
    expression.missing(`the schedule ${name} has no counterpart: ${error.message}`, "write it as rate(…) or as another cron(…)");
    return undefined;
  }
}

/** Undefined: it cannot be known, which is remarked. */
function payloadOf({ name, at, input, source, identity: { region, account } }: ScheduleParts): { event: unknown } | undefined {
  if (input.isThere) {
    const said = input.plain<unknown>();
    if (said === undefined) return undefined;
    if (typeof said !== "string") return { event: said };
    try {
      return { event: JSON.parse(said) as unknown };
    } catch {
      input.missing(`the input of the schedule ${name} is no JSON`);
      return undefined;
    }
  }
  at.different(
    `the event of the schedule ${name} has neither time nor id`,
    "give it an Input if the function reads none of both",
  );
  const arn = `arn:aws:${source.slice("aws.".length)}:${region}:${account}:${source === "aws.events" ? "rule" : "schedule/default"}/${name}`;
  return {
    event: {
      version: "0",
      "detail-type": "Scheduled Event",
      source,
      account,
      region,
      resources: [arn],
      detail: {},
    },
  };
}
