/** Entries as rows and back. A row holds lines of one activation that were written together. */
import type { LogLine } from "../../model/model.ts";
import type { Row } from "../../sql/sql.ts";
import type { LogEntry, LogOwner, StoredLine } from "../logs.ts";

/** Lines of one row: a position is the row's `seq` times this plus the line's place in it. */
export const rowLinesMax = 256;

/** Text of one row, unless a single line is longer: a page is read row by row. */
const rowCharactersMax = 64 * 1024;

/** What a row and a line cost beside their text, about. */
const rowOverheadBytes = 150;
const lineOverheadBytes = 30;

/** `seq` of a row is at least the time of its lines times this: so many rows a millisecond before the order runs ahead of the clock. */
export const seqsAMs = 8;

/** One row to be. */
export interface LogRow extends LogOwner {
  readonly lines: LogLine[];
  /** Indexes of the lines in the batch that the row was made from. */
  readonly sources: number[];
  characters: number;
}

/** A batch as rows, in the order in which their activations printed first. */
export function toRows(entries: readonly LogEntry[]): LogRow[] {
  const rows: LogRow[] = [];
  const open = new Map<string, LogRow>();
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as LogEntry;
    let row = open.get(entry.activationId);
    if (row === undefined || row.lines.length >= rowLinesMax || row.characters >= rowCharactersMax) {
      const { line: _line, ...owner } = entry;
      row = { ...owner, lines: [], sources: [], characters: 0 };
      open.set(entry.activationId, row);
      rows.push(row);
    }
    row.lines.push(entry.line);
    row.sources.push(index);
    row.characters += entry.line.text.length;
  }
  return rows;
}

export function rowBytes({ lines, characters }: LogRow): number {
  return rowOverheadBytes + lines.length * lineOverheadBytes + characters;
}

export function linesJson(lines: readonly LogLine[]): string {
  return JSON.stringify(lines.map(({ at, stream, text }) => [at, stream, text]));
}

export function parseLines(text: string): LogLine[] {
  const lines = JSON.parse(text) as [number, LogLine["stream"], string][];
  return lines.map(([at, stream, line]) => ({ at, stream, text: line }));
}

/** The lines of a row in their places. */
export function toStored(row: Row): StoredLine[] {
  const owner: LogOwner = {
    namespace: String(row.namespace),
    appId: row.app_id === null ? null : String(row.app_id),
    functionId: String(row.function_id),
    functionName: String(row.function_name),
    activationId: String(row.activation),
  };
  const first = Number(row.seq) * rowLinesMax;
  return parseLines(String(row.lines_json)).map((line, index) => Object.assign({ line, position: first + index }, owner));
}
