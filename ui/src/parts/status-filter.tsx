import { type Status, statuses } from "../api/types.ts";
import { statusWords } from "./marks.tsx";

/** Chooses the outcome that records must have; "" is any. */
export function StatusFilter({ value, onChange }: { value: Status | ""; onChange: (status: Status | "") => void }) {
  return (
    <label>
      <span>Outcome</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as Status | "")}>
        <option value="">any</option>
        {statuses.map((status) => (
          <option key={status} value={status}>
            {statusWords(status)}
          </option>
        ))}
      </select>
    </label>
  );
}
