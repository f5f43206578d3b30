import type { Fn, FunctionStats, Stats } from "../api/types.ts";
import { duration, percent, rate } from "../format.ts";
import { links } from "../router.ts";
import { courseOf } from "../state/stats.ts";
import { Sparkline } from "./sparkline.tsx";
import { StartMix } from "./start-mix.tsx";
import { type Column, Table } from "./table.tsx";

interface FunctionTableProps {
  readonly functions: readonly Fn[];
  readonly stats: Stats | undefined;
}

const columns: readonly Column[] = [
  { head: "Function" },
  { head: "Kind", set: "wide" },
  { head: "Calls", set: "figure" },
  { head: "Course of the calls", set: "wide", unseen: true },
  { head: "Errors", set: "figure" },
  { head: "p50", set: "figure" },
  { head: "p95", set: "figure wide" },
  { head: "p99", set: "figure wide" },
  { head: "Starts", set: "wide" },
];

/** The functions with what their last minutes were like. */
export function FunctionTable({ functions, stats }: FunctionTableProps) {
  const known = new Map(stats?.items.map((item) => [item.functionId, item]));
  return (
    <Table label="Functions and their last minutes" name="functions" columns={columns}>
      {functions.map((fn) => (
        <FunctionRow key={fn.id} fn={fn} stats={stats} own={known.get(fn.id)} />
      ))}
    </Table>
  );
}

function FunctionRow({ fn, stats, own }: { fn: Fn; stats: Stats | undefined; own: FunctionStats | undefined }) {
  const { calls = 0, errors = 0 } = own ?? {};
  const seconds = stats === undefined ? 1 : (Date.parse(stats.to) - Date.parse(stats.from)) / 1000;
  return (
    <tr>
      <th scope="row" class="name">
        <a class="whole" href={links.fn(fn.app, fn.name)}>
          {fn.app !== null && <span class="quiet">{fn.app}/</span>}
          {fn.name}
        </a>
      </th>
      <td class="wide quiet">{fn.kind ?? fn.image ?? "sequence"}</td>
      <td class="figure">{rate(calls / seconds)}</td>
      <td class="wide">{stats !== undefined && <Sparkline values={courseOf(stats, own).calls} />}</td>
      <td class={errors > 0 ? "figure worse" : "figure"}>{percent(errors, calls)}</td>
      <td class="figure">{duration(own?.p50Ms)}</td>
      <td class="figure wide">{duration(own?.p95Ms)}</td>
      <td class="figure wide">{duration(own?.p99Ms)}</td>
      <td class="wide">
        <StartMix figures={own} />
      </td>
    </tr>
  );
}
