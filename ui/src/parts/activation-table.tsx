import type { Activation } from "../api/types.ts";
import { bytes, duration, exactTime, time } from "../format.ts";
import { links } from "../router.ts";
import { durationMs } from "../state/stats.ts";
import { StartMark, StatusMark } from "./marks.tsx";

interface ActivationTableProps {
  readonly label: string;
  readonly items: readonly Activation[];
  /** The table is of one function: no need to name it in every row. */
  readonly ofOne?: boolean;
}

/** Records of calls; each row leads to its record. */
export function ActivationTable({ label, items, ofOne = false }: ActivationTableProps) {
  return (
    <div class="scroll">
      <table class="rows activations">
        <caption class="unseen">{label}</caption>
        <thead>
          <tr>
            <th scope="col">Began</th>
            {!ofOne && <th scope="col">Function</th>}
            <th scope="col">Outcome</th>
            <th scope="col" class="mid">
              Start
            </th>
            <th scope="col" class="figure">
              Duration
            </th>
            <th scope="col" class="figure wide">
              In
            </th>
            <th scope="col" class="figure wide">
              Out
            </th>
            <th scope="col" class="figure wide">
              Attempt
            </th>
            <th scope="col" class="figure wide">
              Revision
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.id}>
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
          ))}
        </tbody>
      </table>
    </div>
  );
}
