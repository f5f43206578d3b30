import { usage } from "./failure.ts";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `10s`, `5m`, `2h`, `1d`; a bare number is seconds. Throws naming the flag. */
export function durationMs(text: string, flag: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (number === undefined)
    throw usage(`${flag} ${JSON.stringify(text)} is no duration`, `write it as ${flag} 500ms, 10s, 5m, 2h or 1d`);
  return Math.round(Number(number) * (units[unit] as number));
}
