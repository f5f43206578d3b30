import { useMemo } from "preact/hooks";
import { sentence } from "../api/client.ts";
import type { Fn, FunctionStats, Stats } from "../api/types.ts";
import { Chart, type Line } from "../charts/chart.tsx";
import { CallsChart, StartsChart } from "../charts/function-charts.tsx";
import { duration } from "../format.ts";
import { ActivationTable } from "../parts/activation-table.tsx";
import { FirstDeploy } from "../parts/first-deploy.tsx";
import { FunctionTable } from "../parts/function-table.tsx";
import { Notice } from "../parts/notice.tsx";
import { Title } from "../parts/title.tsx";
import { links } from "../router.ts";
import { useFunctions, useNewest, useStats } from "../state/live.ts";
import { courseOf, together } from "../state/stats.ts";

const busiestMax = 4;
const newestMax = 15;

/** All functions of a namespace, and what happens there now. */
export function Overview({ ns }: { ns: string }) {
  const functions = useFunctions(ns);
  const stats = useStats(ns);
  const newest = useNewest(ns, { limit: newestMax });
  return (
    <>
      <Title text="Functions" />
      {functions.data === undefined && functions.error !== undefined && (
        <Notice kind="error" title="The functions cannot be read" text={sentence(functions.error)} />
      )}
      {functions.data?.length === 0 && <FirstDeploy ns={ns} />}
      {functions.data !== undefined && functions.data.length > 0 && (
        <>
          {stats.data === undefined && stats.error !== undefined && <p class="problem">{sentence(stats.error)}</p>}
          {stats.data !== undefined && <NamespaceCharts stats={stats.data} functions={functions.data} />}
          <FunctionTable functions={functions.data} stats={stats.data} />
        </>
      )}
      {newest.data !== undefined && newest.data.items.length > 0 && (
        <section aria-labelledby="recent">
          <h2 id="recent">
            Recent activations <a href={links.activations}>all</a>
          </h2>
          <ActivationTable label="Recent activations" items={newest.data.items} />
        </section>
      )}
    </>
  );
}

function NamespaceCharts({ stats, functions }: { stats: Stats; functions: readonly Fn[] }) {
  const all = useMemo(() => {
    const courses = stats.items.map((item) => courseOf(stats, item));
    return together(courses, courseOf(stats, undefined));
  }, [stats]);
  return (
    <section class="charts three" aria-label="Charts of the last minutes">
      <CallsChart course={all} />
      <SlowestChart stats={stats} functions={functions} />
      <StartsChart course={all} />
    </section>
  );
}

/** Percentiles of several functions cannot be added up, so the busiest have a line each. */
function SlowestChart({ stats, functions }: { stats: Stats; functions: readonly Fn[] }) {
  const { course, lines } = useMemo(() => {
    const names = new Map(functions.map(({ id, name }) => [id, name]));
    const busiest = stats.items
      .filter(({ functionId }) => names.has(functionId))
      .toSorted((one, other) => other.calls - one.calls)
      .slice(0, busiestMax);
    return {
      course: courseOf(stats, undefined),
      lines: busiest.map((item, index) => lineOf(stats, item, names.get(item.functionId) ?? "", index)),
    };
  }, [stats, functions]);
  return (
    <Chart
      title="Duration, p95"
      times={course.times}
      spanS={course.spanS}
      lines={lines}
      shape="lines"
      scale="log"
      format={duration}
    />
  );
}

function lineOf(stats: Stats, item: FunctionStats, label: string, index: number): Line {
  return { label, color: `--line-${index + 1}`, values: courseOf(stats, item).p95Ms, summary: duration(item.p95Ms) };
}
