/** Small signs for how a call ended and how it began; always with words, never colour alone. */
import type { Start, Status, Underway } from "../api/types.ts";

const words: Readonly<Record<Status | Underway, string>> = {
  queued: "queued",
  running: "running",
  success: "success",
  function_error: "function error",
  developer_error: "developer error",
  platform_error: "platform error",
  timeout: "timeout",
  cancelled: "cancelled",
  dead_lettered: "dead-lettered",
};

const tones: Readonly<Record<Status | Underway, string>> = {
  queued: "still",
  running: "live",
  success: "good",
  function_error: "bad",
  developer_error: "bad",
  platform_error: "bad",
  timeout: "warn",
  cancelled: "still",
  dead_lettered: "bad",
};

export const statusWords = (status: Status | Underway): string => words[status] ?? status;

export function StatusMark({ status }: { status: Status | Underway }) {
  return <span class={`mark ${tones[status] ?? "still"}`}>{statusWords(status)}</span>;
}

const meaning: Readonly<Record<Start, string>> = {
  hot: "A running sandbox was free",
  warm: "A paused sandbox was resumed",
  prewarmed: "A sandbox of the kind was ready, the code was loaded",
  cold: "A sandbox was made and the code was loaded",
  none: "The call never reached a sandbox",
};

export const startMeaning = (start: Start): string => meaning[start] ?? start;

export function StartMark({ start }: { start: Start }) {
  return (
    <span class={`start ${start}`} title={startMeaning(start)}>
      {start}
    </span>
  );
}
