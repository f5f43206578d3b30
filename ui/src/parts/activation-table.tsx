import type { Activation } from "../api/types.ts";
import { bytes, duration, exactTime, time } from "../format.ts";
import { links } from "../router.ts";
import { durationMs } from "../state/stats.ts";
import { StartMark, StatusMark } from "./marks.tsx";
import { type Column, Table } from "./table.tsx";

interface ActivationTableProps {
  readonly label: string;
  readonly items: readonly Activation[];
  /** The table is of one function: no need to name it in every row. */
  readonly ofOne?: boolean;
}

const name: Column = { head: "Function" };
const began: Column = { head: "Began" };
const others: readonly Column[] = [
  { head: "Outcome" },
  { head: "Start", set: "mid" },
  { head: "Duration", set: "figure" },
  { head: "In", set: "figure wide" },
  { head: "Out", set: "figure wide" },
  { head: "Attempt", set: "figure wide" },
  { head: "Revision", set: "figure wide" },
];

/** Records of calls; each row leads to its record. */
export function ActivationTable({ label, items, ofOne = false }: ActivationTableProps) {
  const columns = ofOne ? [began, ...others] : [began, name, ...others];
  return (
    <Table label={label} name="activations" columns={columns}>
      {items.map((item) => (
        <ActivationRow key={item.id} item={item} ofOne={ofOne} />
      ))}
    </Table>
  );
}

function ActivationRow({ item, ofOne }: { item: Activation; ofOne: boolean }) {
  return (
    <tr>
      <td>
        <a class="whole" href={links.activation(item.id)} title={exactTime(item.startedAt)}>
          {time(item.startedAt)}
        </a>
      </td>
      {!ofOne && <td class="name">{item.function}</td>}
      <td title={item.error?.message}>
        <StatusMark status={item.status} />
      </td>
      <td class="mid">
        <StartMark start={item.start} />
      </td>
      <td class="figure">{item.endedAt === null ? "–" : duration(durationMs(item))}</td>
      <td class="figure wide">{bytes(item.requestBytes)}</td>
      <td class="figure wide">{bytes(item.responseBytes)}</td>
      <td class="figure wide">{item.attempt}</td>
      <td class="figure wide">{item.revision}</td>
    </tr>
  );
}
