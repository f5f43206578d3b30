/** Figures, times and other people's text as the page shows them. */

/** 3 significant digits, with the unit that fits: `0.42 ms`, `12.3 ms`, `1.25 s`, `3 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${digits(ms)} ms`;
  if (ms < 120_000) return `${digits(ms / 1000)} s`;
  return `${digits(ms / 60_000)} min`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${digits(size / 1024)} KiB` : `${digits(size / 1024 / 1024)} MiB`;
}

/** Calls a second, or a minute where they are rare. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0 /s";
  return perSecond >= 0.1 ? `${digits(perSecond)} /s` : `${digits(perSecond * 60)} /min`;
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return "–";
  const share = (part / whole) * 100;
  return share > 0 && share < 0.1 ? "<0.1 %" : `${digits(share)} %`;
}

export function count(value: number): string {
  return value < 10_000 ? String(value) : `${digits(value / 1000)}k`;
}

function digits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  if (value >= 10) return String(Math.round(value * 10) / 10);
  return String(Math.round(value * 100) / 100);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });

/** Time of the day; with the day where it is another than today. */
export function time(iso: string, now = new Date()): string {
  const at = new Date(iso);
  return at.toDateString() === now.toDateString() ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** Day and time to the millisecond. */
export function exactTime(iso: string): string {
  const at = new Date(iso);
  return `${day.format(at)}, ${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** Time of the day to the millisecond, for lines of a log. */
export function lineTime(iso: string): string {
  const at = new Date(iso);
  return `${clock.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

export interface Piece {
  readonly text: string;
  /** It stands for a character that would otherwise be invisible or be obeyed. */
  readonly control: boolean;
}

// C0 but for the tab, DEL, C1, line and paragraph separators, marks that turn the direction of writing, the byte order mark.
const control = /((?:[^\P{Cc}\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff])+)/u;

/** A function's text with its control characters spelt out, in pieces, so that the spelling can look different from the text. */
export function pieces(text: string): Piece[] {
  return text
    .split(control)
    .map((part, index) => (index % 2 === 0 ? { text: part, control: false } : { text: spelt(part), control: true }))
    .filter((piece) => piece.text !== "");
}

function spelt(characters: string): string {
  return Array.from(characters, (character) => {
    const code = character.codePointAt(0) as number;
    return named[code] ?? `\\u${code.toString(16).padStart(4, "0")}`;
  }).join("");
}

const named: Readonly<Record<number, string>> = { 10: "\\n", 13: "\\r", 27: "\\e", 7: "\\a", 8: "\\b", 0: "\\0" };

/** JSON laid out over lines; any other text as it is. */
export function laidOut(text: string, type: string): string {
  if (!/\bjson\b/i.test(type) || text.length > 200_000) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
