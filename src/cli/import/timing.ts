/** Schedules in EventBridge's words, as the platform's alarms have them. */
import type { Timing } from "./wanted.ts";

export interface Timed {
  readonly timing: Timing;
  /** RFC 3339; of expressions that name years. */
  readonly startsAt: string | null;
  readonly endsAt: string | null;
}

/** What is wrong with an expression, or has no counterpart. */
export class NoTiming extends Error {}

/** `rate(…)`, `cron(…)` of six fields, or `at(…)`; the last two in a time zone of IANA's. Throws `NoTiming`. */
export function timingOf(expression: string, timeZone?: string): Timed {
  const [, word, inner = ""] = /^\s*(rate|cron|at)\((.*)\)\s*$/s.exec(expression) ?? [];
  switch (word) {
    case "rate":
      return { timing: { everyMs: rateMs(inner) }, startsAt: null, endsAt: null };
    case "cron":
      return cronOf(inner, timeZone);
    case "at":
      return { timing: { at: timeAt(inner, timeZone) }, startsAt: null, endsAt: null };
    default:
      throw new NoTiming(`'${expression}' is none of rate(…), cron(…) and at(…)`);
  }
}

const unitMs: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

function rateMs(inner: string): number {
  const [, number = "", unit = ""] = /^\s*(\d{1,9})\s+(minute|hour|day)s?\s*$/.exec(inner) ?? [];
  const ms = Number(number) * (unitMs[unit] ?? Number.NaN);
  if (!(ms > 0)) throw new NoTiming(`rate(${inner}) is not a whole number above 0 with minutes, hours or days`);
  return ms;
}

/** A time without a zone. */
function timeAt(inner: string, timeZone = "UTC"): string {
  const text = inner.trim();
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text) || Number.isNaN(Date.parse(`${text}Z`)))
    throw new NoTiming(`at(${inner}) is no time such as 2027-01-31T09:00:00`);
  if (timeZone !== "UTC" && timeZone !== "Etc/UTC")
    throw new NoTiming(`at(${inner}) in the zone ${timeZone}: times are taken in UTC only`);
  return `${text}Z`;
}

function cronOf(inner: string, timeZone: string | undefined): Timed {
  const fields = inner.trim().split(/\s+/);
  if (fields.length !== 6)
    throw new NoTiming(`cron(${inner}) has ${fields.length} fields: minutes, hours, day, month, weekday and year are 6`);
  const [minute, hour, day, month, weekday, year] = fields as [string, string, string, string, string, string];
  if ((day === "?") === (weekday === "?"))
    throw new NoTiming(`cron(${inner}) has to have ? as its day or as its weekday, and not as both`);
  const cron = [
    listOf(minute, { name: "minutes", min: 0, max: 59 }),
    listOf(hour, { name: "hours", min: 0, max: 23 }),
    day === "?" ? "*" : dayOf(day),
    listOf(month, { name: "month", min: 1, max: 12, names: months }),
    weekday === "?" ? "*" : weekdayOf(weekday),
  ].join(" ");
  return { timing: timeZone === undefined ? { cron } : { cron, timeZone }, ...yearsOf(year, timeZone) };
}

const months = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const weekdays = "SUN MON TUE WED THU FRI SAT".split(" ");

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Of the numbers from `min` on. */
  readonly names?: readonly string[];
}

/** `*`, or every number that a field names. */
function listOf(text: string, field: Field, shift = 0): string {
  if (text === "*") return "*";
  const numbers = new Set(text.split(",").flatMap((item) => numbersOf(item, field)));
  return [...numbers]
    .map((number) => number + shift)
    .toSorted((one, other) => one - other)
    .join(",");
}

/** `N`, `N-M`, and with a step `*\/S`, `N/S`, `N-M/S`. */
function numbersOf(item: string, field: Field): number[] {
  const [, from = "", to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,4}))?$/.exec(item) ?? [];
  const wrong = () => new NoTiming(`'${item.slice(0, 40)}' says no ${field.name} from ${field.min} to ${field.max}`);
  const first = from === "*" ? field.min : numberIn(from, field);
  const last = to !== undefined ? numberIn(to, field) : from === "*" || step !== undefined ? field.max : first;
  const by = step === undefined ? 1 : Number(step);
  if (first === null || last === null || by < 1 || (from === "*" && (to !== undefined || step === undefined))) throw wrong();
  // FRI-MON goes over the end of the week.
  const span = last >= first ? last - first : last - first + (field.max - field.min + 1);
  const size = field.max - field.min + 1;
  return Array.from({ length: Math.floor(span / by) + 1 }, (_, i) => ((first - field.min + i * by) % size) + field.min);
}

function numberIn(text: string, { min, max, names = [] }: Field): number | null {
  const named = names.indexOf(text.toUpperCase());
  const number = named >= 0 ? named + min : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return number >= min && number <= max ? number : null;
}

/** `L` is the last day, `LW` its last working day, `15W` the working day that is nearest to the 15th. */
function dayOf(text: string): string {
  if (text === "L" || text === "LW") return text;
  const near = /^(\d{1,2})W$/.exec(text)?.[1];
  if (near !== undefined && Number(near) >= 1 && Number(near) <= 31) return `${Number(near)}W`;
  if (/^L-\d+$/.test(text)) throw new NoTiming(`the day ${text} (days before the last one) has no counterpart here`);
  return listOf(text, { name: "day", min: 1, max: 31 });
}

/** From Sunday, 1, on; here it is 0. `6L` is the last Friday, `6#2` the second one. */
function weekdayOf(text: string): string {
  const field = { name: "weekday", min: 1, max: 7, names: weekdays };
  if (text === "L") return "6";
  const [, name = "", nth] = /^(\w+?)(?:#([1-5])|L)$/.exec(text) ?? [];
  const number = name === "" ? null : numberIn(name, field);
  if (number === null) return listOf(text, field, -1);
  return `${number - 1}#${nth ?? "L"}`;
}

/** One span of years is a start and an end. */
function yearsOf(text: string, timeZone: string | undefined): Pick<Timed, "startsAt" | "endsAt"> {
  if (text === "*") return { startsAt: null, endsAt: null };
  const [, from = "", to = from] = /^(\d{4})(?:-(\d{4}))?$/.exec(text) ?? [];
  if (from === "" || Number(to) < Number(from) || Number(from) < 1970 || Number(to) > 2199)
    throw new NoTiming(`the years ${text} have no counterpart here: one year or a span of years has`);
  if (timeZone !== undefined && timeZone !== "UTC")
    throw new NoTiming(`the years ${text} in the zone ${timeZone}: they are taken in UTC only`);
  return { startsAt: `${from}-01-01T00:00:00.000Z`, endsAt: `${to}-12-31T23:59:59.000Z` };
}
