import type { Sink } from "./cli.ts";
import { harmless, type Paint } from "./terminal.ts";

export type Format = "table" | "json" | "yaml" | "name";

/** A column of a table: its head and the text of an item. */
export type Column<T> = readonly [head: string, text: (item: T) => string];

/** Data on stdout, in the format that was asked for. */
export class Output {
  readonly format: Format;
  readonly #sink: Sink;
  readonly #paint: Paint;

  constructor(sink: Sink, format: Format, paint: Paint) {
    this.#sink = sink;
    this.format = format;
    this.#paint = paint;
  }

  /** Several items; `name` says what one is called. */
  async list<T>(items: readonly T[], columns: readonly Column<T>[], name: (item: T) => string): Promise<void> {
    if (this.format === "table") this.write(table(items, columns, this.#paint));
    else if (this.format === "name") for (const item of items) this.line(name(item));
    else await this.#document(items);
  }

  /** One item; people see its fields, a line each. */
  async item(item: object, name: string): Promise<void> {
    if (this.format === "table") this.write(fields(item, this.#paint));
    else if (this.format === "name") this.line(name);
    else await this.#document(item);
  }

  /** One of many as they come: a line of JSON, or the text for people. */
  event(item: object, text: string): void {
    this.line(this.format === "json" || this.format === "yaml" ? JSON.stringify(item) : text);
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  write(data: string | Uint8Array): void {
    this.#sink.write(data);
  }

  get paint(): Paint {
    return this.#paint;
  }

  async #document(value: unknown): Promise<void> {
    if (this.format === "json") return this.line(JSON.stringify(value, null, 2));
    const { stringify } = await import("yaml");
    this.write(stringify(value));
  }
}

function table<T>(items: readonly T[], columns: readonly Column<T>[], paint: Paint): string {
  const rows = items.map((item) => columns.map(([, text]) => harmless(text(item))));
  const widths = columns.map(([head], i) => Math.max(head.length, ...rows.map((row) => (row[i] as string).length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join("  ")
      .trimEnd();
  const head = paint("dim", line(columns.map(([name]) => name)));
  return `${[head, ...rows.map(line)].join("\n")}\n`;
}

function fields(item: object, paint: Paint): string {
  const entries = Object.entries(item).filter(([, value]) => value !== undefined);
  const width = Math.max(...entries.map(([key]) => key.length));
  return entries.map(([key, value]) => `${paint("dim", key.padEnd(width))}  ${harmless(shown(value))}\n`).join("");
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : value === null ? "-" : JSON.stringify(value);
}

/** A time of the API as people read it, in their own time zone's clock. */
export function clock(time: string | number): string {
  const date = new Date(time);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** In MiB, or KiB where it is little. */
export function shownBytes(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${(bytes / 1024 / 1024).toFixed(1)} MiB` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Milliseconds with as many digits as they are worth. */
export function shownMs(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : ms >= 100 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}
