/** Schedules: what fires triggers by the clock. */
import type { Static } from "typebox";
import type { WantedSchedule } from "../../events/alarms/alarms.ts";
import { PlatformError } from "../../model/error.ts";
import type { Schedule, Timing } from "../../model/schedule.ts";
import { timeIn } from "./check.ts";
import type { Door } from "./door.ts";
import { noContent, operation } from "./openapi.ts";
import { pageRequest, renderPage } from "./paging.ts";
import { scheduleAnswer, scheduleBody } from "./schedule-schemas.ts";
import { listOf, namespacePath, pageQuery, triggerPath } from "./schemas.ts";

const path = "/v1/namespaces/:ns/triggers/:trigger/schedule";
const tag = "Triggers";

export function scheduleRoutes({ scope, parts }: Door): void {
  const { store, alarms } = parts;

  scope.put(
    path,
    {
      schema: {
        ...operation("setSchedule", tag, "Fire a trigger by the clock, from now on as is said here alone", scheduleAnswer),
        params: triggerPath,
        body: scheduleBody,
      },
    },
    async ({ params, body }) => {
      if (alarms === undefined) throw new PlatformError("unsupported", "Alarms need a queue, which this server does not have");
      return render(await alarms.put(params.ns, params.trigger, wantedIn(body)));
    },
  );

  scope.get(
    path,
    { schema: { ...operation("getSchedule", tag, "What fires a trigger by the clock", scheduleAnswer), params: triggerPath } },
    async ({ params }) => {
      const schedule = await store.schedules.get(params.ns, params.trigger);
      if (schedule === undefined) throw new PlatformError("not_found", `Trigger ${params.trigger} has no schedule`);
      return render(schedule);
    },
  );

  scope.delete(
    path,
    { schema: { ...operation("removeSchedule", tag, "Fire a trigger by the clock no longer", noContent), params: triggerPath } },
    async ({ params }, reply) => {
      await store.schedules.remove(params.ns, params.trigger);
      return reply.code(204).send();
    },
  );

  scope.get(
    "/v1/namespaces/:ns/schedules",
    {
      schema: {
        ...operation("listSchedules", tag, "The schedules of a namespace, by their triggers", listOf(scheduleAnswer)),
        params: namespacePath,
        querystring: pageQuery,
      },
    },
    async ({ params, query }) => renderPage(await store.schedules.list(params.ns, pageRequest(query)), render),
  );
}

type Body = Static<typeof scheduleBody>;

function wantedIn(body: Body): WantedSchedule {
  const { timing, startsAt = null, endsAt = null, firesMax = null, missed = "once", afterwards = "nothing" } = body;
  return {
    timing: timingIn(timing),
    startsAt: timeIn("body", "startsAt", startsAt ?? undefined) ?? null,
    endsAt: timeIn("body", "endsAt", endsAt ?? undefined) ?? null,
    firesMax,
    missed,
    afterwards,
    payload: JSON.stringify(body.payload ?? {}),
    note: body.note ?? null,
  };
}

function timingIn(given: Body["timing"]): Timing {
  if ("cron" in given) return { by: "cron", expression: given.cron, timeZone: given.timeZone ?? null };
  if ("everyMs" in given) return { by: "interval", everyMs: given.everyMs };
  return { by: "once", at: timeIn("body", "timing.at", given.at) ?? 0 };
}

function render(schedule: Schedule): Static<typeof scheduleAnswer> {
  const { trigger, timing, startsAt, endsAt, firesMax, missed, afterwards, payload, note, nextAt, fired, createdAt } = schedule;
  return {
    trigger,
    timing: renderTiming(timing),
    startsAt: timeOf(startsAt),
    endsAt: timeOf(endsAt),
    firesMax,
    missed,
    afterwards,
    payload: JSON.parse(payload) as unknown,
    note,
    nextAt: timeOf(nextAt),
    fired,
    createdAt: new Date(createdAt).toISOString(),
  };
}

function renderTiming(timing: Timing): Body["timing"] {
  switch (timing.by) {
    case "cron": {
      const { expression, timeZone } = timing;
      return timeZone === null ? { cron: expression } : { cron: expression, timeZone };
    }
    case "interval":
      return { everyMs: timing.everyMs };
    case "once":
      return { at: new Date(timing.at).toISOString() };
  }
}

function timeOf(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
