import { Cron } from "croner";
import { PlatformError } from "../../model/error.ts";
import type { Schedule, Timing } from "../../model/schedule.ts";

/** The shortest that an interval may be. */
export const everyMsMin = 1000;

/** Throws `invalid` where it cannot be understood. */
export function checkTiming(timing: Timing): void {
  if (timing.by === "cron") cronOf(timing);
  if (timing.by === "interval" && !(timing.everyMs >= everyMsMin)) throw refused(`An interval has ${everyMsMin} ms at least`);
}

/** When it fires first after a time; null: not any more. */
export function nextFire(schedule: Omit<Schedule, "nextAt">, after: number): number | null {
  const { timing, startsAt, endsAt, firesMax, fired } = schedule;
  if (firesMax !== null && fired >= firesMax) return null;
  const next = tick(timing, { ...schedule, startsAt: startsAt ?? null }, Math.max(after, (startsAt ?? 0) - 1));
  return next === null || (endsAt !== null && next > endsAt) ? null : next;
}

function tick(timing: Timing, { startsAt, createdAt, fired }: Omit<Schedule, "nextAt">, after: number): number | null {
  switch (timing.by) {
    case "cron":
      return cronOf(timing).nextRun(new Date(after))?.getTime() ?? null;
    case "interval": {
      const first = startsAt ?? createdAt + timing.everyMs;
      const passed = Math.max(0, Math.floor((after - first) / timing.everyMs) + 1);
      return first + passed * timing.everyMs;
    }
    case "once":
      // Late is better than never: it may have been missed.
      return fired > 0 ? null : timing.at;
  }
}

/** Throws `invalid`. */
function cronOf({ expression, timeZone }: Extract<Timing, { by: "cron" }>): Cron {
  const fields = expression.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6)
    throw refused(
      `cron expression '${expression}' has ${fields} fields: write minute, hour, day, month and weekday, or a second before them`,
    );
  try {
    const cron = new Cron(expression, { paused: true, timezone: timeZone ?? "UTC" });
    // A zone is looked at when it is used.
    cron.nextRun(new Date(0));
    return cron;
  } catch (error) {
    const zone = timeZone === null ? "" : ` in the zone '${timeZone}'`;
    throw refused(`cron expression '${expression}'${zone} cannot be understood: ${(error as Error).message}`);
  }
}

function refused(why: string): PlatformError {
  return new PlatformError("invalid", why);
}
