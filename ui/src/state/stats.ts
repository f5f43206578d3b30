/** Figures of calls over the last minutes, laid out over time. */
import type { Activation, Figures, FunctionStats, Start, Stats } from "../api/types.ts";
import { starts } from "../api/types.ts";

/** A function's figures, or those of several together, one entry for each span of time, empty spans too. */
export interface Course {
  /** Begins of the spans, in seconds since the epoch as charts want them. */
  readonly times: readonly number[];
  readonly spanS: number;
  readonly calls: readonly number[];
  readonly errors: readonly number[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  readonly starts: Readonly<Record<Start, readonly number[]>>;
}

/** Lays out the figures of one function; of one that was not called, nothing but zeros. */
export function courseOf(stats: Stats, fn: FunctionStats | undefined): Course {
  const { spanMs } = stats;
  const [first, last] = [Math.floor(Date.parse(stats.from) / spanMs), Math.floor(Date.parse(stats.to) / spanMs)];
  const bySpan = new Map(fn?.spans.map((span) => [Math.floor(Date.parse(span.at) / spanMs), span]));
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const each = <T>(read: (figures: Figures | undefined) => T) => numbers.map((number) => read(bySpan.get(number)));
  return {
    times: numbers.map((number) => (number * spanMs) / 1000),
    spanS: spanMs / 1000,
    calls: each((figures) => figures?.calls ?? 0),
    errors: each((figures) => figures?.errors ?? 0),
    p50Ms: each((figures) => figures?.p50Ms ?? null),
    p95Ms: each((figures) => figures?.p95Ms ?? null),
    p99Ms: each((figures) => figures?.p99Ms ?? null),
    starts: byStart((start) => each((figures) => figures?.starts[start] ?? 0)),
  };
}

/** Sums of several functions. Percentiles cannot be summed and are absent. */
export function together(courses: readonly Course[], empty: Course): Course {
  const sum = (read: (course: Course) => readonly number[]) =>
    empty.times.map((_, index) => courses.reduce((total, course) => total + (read(course)[index] ?? 0), 0));
  return {
    ...empty,
    calls: sum(({ calls }) => calls),
    errors: sum(({ errors }) => errors),
    starts: byStart((start) => sum((course) => course.starts[start])),
  };
}

export function byStart<T>(make: (start: Start) => T): Record<Start, T> {
  return Object.fromEntries(starts.map((start) => [start, make(start)])) as Record<Start, T>;
}

export const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/** What a caller waited: everything from the acceptance to the end. */
export function durationMs({ waitMs, createMs, initMs, runMs }: Activation): number {
  return waitMs + createMs + initMs + runMs;
}
