import type { LogLine } from "../api/types.ts";
import { exactTime, lineTime } from "../format.ts";
import { OwnText } from "./own-text.tsx";

/** So many lines are laid out; of a longer log these are the last. */
const shownMax = 2000;

/** What a call printed. */
export function LogView({ lines, label = "Log" }: { lines: readonly LogLine[]; label?: string }) {
  const shown = lines.slice(-shownMax);
  return (
    <>
      {lines.length > shown.length && (
        <p class="quiet">
          The last {shown.length} of {lines.length} lines.
        </p>
      )}
      <ol class="log" tabIndex={0} aria-label={label}>
        {shown.map((line, index) => (
          <li key={lines.length - shown.length + index} class={line.stream}>
            <time dateTime={line.at} title={exactTime(line.at)}>
              {lineTime(line.at)}
            </time>
            <span class="stream">{line.stream}</span>
            <span class="text">
              <OwnText text={line.text} />
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
