import { useEffect, useState } from "preact/hooks";
import type { Sandboxes, Stats } from "../api/types.ts";

/** What was read last in each span, by the span's begin in seconds. */
export type Readings = ReadonlyMap<number, Sandboxes>;

const none: Sandboxes = { busy: 0, idle: 0, frozen: 0, starting: 0 };

/** Keeps what is read of now, for as long as figures go back. */
export function useReadings({ to, from, spanMs }: Stats, now: Sandboxes = none): Readings {
  const [readings, setReadings] = useState<Readings>(new Map());
  useEffect(() => {
    const at = (Math.floor(Date.parse(to) / spanMs) * spanMs) / 1000;
    const oldest = Date.parse(from) / 1000;
    setReadings((before) => new Map([...before, [at, now] as const].filter(([time]) => time >= oldest)));
  }, [to]);
  return readings;
}
