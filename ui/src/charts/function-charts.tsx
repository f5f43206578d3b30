import { useMemo } from "preact/hooks";
import { type FunctionStats, sandboxStates, type Stats, starts } from "../api/types.ts";
import { count, duration, rate } from "../format.ts";
import { type Course, courseOf, sumOf } from "../state/stats.ts";
import { Chart, type Line } from "./chart.tsx";
import { type Readings, useReadings } from "./readings.ts";

/** One function's last minutes: how often, how well, how fast, how begun. */
export function FunctionCharts({ stats, fn }: { stats: Stats; fn: FunctionStats | undefined }) {
  const course = useMemo(() => courseOf(stats, fn), [stats, fn]);
  const readings = useReadings(stats, fn?.sandboxes ?? undefined);
  return (
    <section class="charts" aria-label="Charts of the last minutes">
      <CallsChart course={course} />
      <LatencyChart course={course} fn={fn} />
      <StartsChart course={course} />
      <SandboxesChart course={course} readings={readings} />
    </section>
  );
}

/** Calls a second, those that failed on top. */
export function CallsChart({ course }: { course: Course }) {
  const lines = useMemo((): Line[] => {
    const perSecond = (values: readonly number[]) => values.map((value) => value / course.spanS);
    const good = course.calls.map((calls, index) => calls - (course.errors[index] as number));
    const average = (values: readonly number[]) => rate(sumOf(values) / (values.length * course.spanS));
    return [
      { label: "ok", color: "--good", values: perSecond(good), summary: average(good) },
      { label: "errors", color: "--bad", values: perSecond(course.errors), summary: average(course.errors) },
    ];
  }, [course]);
  return <Chart title="Calls" times={course.times} spanS={course.spanS} lines={lines} shape="bars" format={rate} />;
}

function LatencyChart({ course, fn }: { course: Course; fn: FunctionStats | undefined }) {
  const lines = useMemo(
    (): Line[] => [
      { label: "p50", color: "--p50", values: course.p50Ms, summary: duration(fn?.p50Ms) },
      { label: "p95", color: "--p95", values: course.p95Ms, summary: duration(fn?.p95Ms) },
      { label: "p99", color: "--p99", values: course.p99Ms, summary: duration(fn?.p99Ms) },
    ],
    [course, fn],
  );
  return (
    <Chart title="Duration" times={course.times} spanS={course.spanS} lines={lines} shape="lines" scale="log" format={duration} />
  );
}

/** How calls found their sandbox. `none` is drawn where there was any. */
export function StartsChart({ course }: { course: Course }) {
  const lines = useMemo(
    (): Line[] =>
      starts
        .filter((start) => start !== "none" || sumOf(course.starts.none) > 0)
        .map((start) => ({
          label: start,
          color: `--${start}`,
          values: course.starts[start],
          summary: count(sumOf(course.starts[start])),
        })),
    [course],
  );
  return <Chart title="Start types" times={course.times} spanS={course.spanS} lines={lines} shape="bars" format={count} />;
}

/** What the function's sandboxes did at each look; the server tells only of now, so the course begins with this page. */
function SandboxesChart({ course, readings }: { course: Course; readings: Readings }) {
  const lines = useMemo((): Line[] => {
    const last = readings.get(course.times.at(-1) as number);
    return sandboxStates.map((state) => ({
      label: state,
      color: `--${state}`,
      values: course.times.map((time) => readings.get(time)?.[state] ?? null),
      summary: count(last?.[state] ?? 0),
    }));
  }, [course, readings]);
  return <Chart title="Sandboxes" times={course.times} spanS={course.spanS} lines={lines} shape="bars" format={count} />;
}
