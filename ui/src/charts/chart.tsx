import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Scheme, useScheme } from "./scheme.ts";

/** One line, or one layer of stacked bars. */
export interface Line {
  readonly label: string;
  /** A custom property of the style sheet, such as `--good`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** What the legend says while nothing is pointed at. */
  readonly summary: string;
}

interface ChartProps {
  readonly title: string;
  /** Begins of the spans, seconds since the epoch. */
  readonly times: readonly number[];
  readonly spanS: number;
  readonly lines: readonly Line[];
  /** `bars` are stacked, the first line at the bottom. */
  readonly shape: "bars" | "lines";
  /** Durations differ by powers of ten. (Default: even) */
  readonly scale?: "even" | "log";
  readonly format: (value: number) => string;
}

const heightPx = 132;

/** A logarithmic scale has no place for zero. */
const leastMs = 0.01;

const drawable = (value: number | null) => (value === null ? null : Math.max(value, leastMs));

/** A small chart over time. What is pointed at is told in its legend; all charts of a page point at the same time. */
export function Chart({ title, times, spanS, lines, shape, scale = "even", format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const scheme = useScheme();
  const data = useMemo(() => columns(times, lines, shape), [times, lines, shape]);
  const names = lines.map(({ label }) => label).join("\n");

  useEffect(() => {
    const element = box.current as HTMLDivElement;
    const made = new uPlot(optionsOf({ lines, shape, scale, format, spanS }, scheme, element, setPointed), data, element);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: heightPx }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, shape, scheme]);

  useEffect(() => plot.current?.setData(data), [data]);

  const told = lines.map(({ label, summary }) => `${label} ${summary}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${title}: ${told}`} />
      <ul class="legend">
        {lines.map(({ label, color, values, summary }) => {
          const value = pointed === null ? undefined : values[pointed];
          return (
            <li key={label}>
              <i class="swatch" style={{ background: `var(${color})` }} /> {label}{" "}
              <b>{pointed === null ? summary : value === null || value === undefined ? "–" : format(value)}</b>
            </li>
          );
        })}
      </ul>
    </figure>
  );
}

/** The data as uPlot wants it. Stacked layers are summed from the bottom and drawn from the top, so that lower ones cover. */
function columns(times: readonly number[], lines: readonly Line[], shape: "bars" | "lines"): uPlot.AlignedData {
  if (shape === "lines") return [[...times], ...lines.map(({ values }) => values.map(drawable))] as uPlot.AlignedData;
  const below = times.map(() => 0);
  const layers = lines.map(({ values }) =>
    values.map((value, index) => {
      below[index] = (below[index] as number) + (value ?? 0);
      return below[index] as number;
    }),
  );
  return [[...times], ...layers.toReversed()] as uPlot.AlignedData;
}

type Drawn = Pick<ChartProps, "lines" | "shape" | "scale" | "format" | "spanS">;

function optionsOf(
  { lines, shape, scale, format, spanS }: Drawn,
  scheme: Scheme,
  element: HTMLElement,
  setPointed: (index: number | null) => void,
): uPlot.Options {
  const color = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
  const quiet = { stroke: color("--quiet"), font: "11px system-ui, sans-serif", ticks: { show: false } } as const;
  const ordered = shape === "bars" ? lines.toReversed() : lines;
  void scheme;
  return {
    width: element.clientWidth,
    height: heightPx,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "console" }, drag: { x: false, y: false }, y: false, points: { size: 5 } },
    scales: {
      x: { time: true, range: (_plot, min, max) => [min, max + spanS] },
      y: scale === "log" ? { distr: 3, range: decades } : { range: (_plot, _min, max) => [0, ceiling(max)] },
    },
    axes: [
      { ...quiet, grid: { show: false }, size: 24, space: 40, values: clockLabels },
      {
        ...quiet,
        grid: { stroke: color("--line"), width: 1 },
        size: 58,
        ...(scale === "log" ? logSplits : {}),
        space: 34,
        values: (_plot, splits) => splits.map(format),
      },
    ],
    series: [{}, ...ordered.map((line) => seriesOf(color(line.color), shape))],
    hooks: { setCursor: [(plot) => setPointed(plot.cursor.idx ?? null)] },
  };
}

function seriesOf(color: string, shape: "bars" | "lines"): uPlot.Series {
  if (shape === "lines") return { stroke: color, width: 1.5, points: { show: true, size: 4, fill: color, stroke: color } };
  const bars = uPlot.paths.bars?.({ size: [0.9, 64], align: 1 });
  return { fill: color, width: 0, points: { show: false }, ...(bars === undefined ? {} : { paths: bars }) };
}

/** Whole powers of ten around the values. */
function decades(_plot: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax {
  if (min === null || max === null || max <= 0) return [1, 100];
  const [low, high] = [Math.floor(Math.log10(Math.max(min, leastMs))), Math.ceil(Math.log10(max))];
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}

/** Some room above the highest value; an empty chart has a scale too. */
function ceiling(max: number | null): number {
  return max === null || max <= 0 ? 1 : max * 1.08;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** One line for each power of ten: those between tell nothing in a chart of this height. */
const logSplits = {
  splits: (_plot: uPlot, _axis: number, min: number, max: number) => {
    const first = Math.round(Math.log10(min));
    return Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, index) => 10 ** (first + index));
  },
  filter: (_plot: uPlot, splits: number[]) => splits,
} as const;

/** Whole minutes, but for those at the borders, where there is no room for a label. */
function clockLabels({ scales }: uPlot, splits: number[]): (string | null)[] {
  const { min = 0, max = 0 } = scales["x"] ?? {};
  const room = ((max ?? 0) - (min ?? 0)) * 0.06;
  const fits = (seconds: number) => seconds >= (min ?? 0) + room && seconds <= (max ?? 0) - room;
  return splits.map((seconds) => (seconds % 60 === 0 && fits(seconds) ? clock.format(seconds * 1000) : null));
}
