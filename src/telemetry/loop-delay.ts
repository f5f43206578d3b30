/** How long the event loop kept others waiting, lately: the same for everybody who asks, however often. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Clock } from "./telemetry.ts";

/** How often the event loop's delay is looked at, in ms. */
const lookEveryMs = 20;

/** Half of the time that is looked back on at most. */
export const halfMs = 30_000;

/** Of a histogram of Node, in nanoseconds. */
interface Delays {
  readonly count: number;
  readonly max: number;
  percentile(percentile: number): number;
  reset(): void;
}

/** In seconds. */
export interface LoopDelayFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Two histograms hear everything and are emptied in turn, every half minute one. The older of them answers: it knows the last
 * 30 to 60 seconds. Costs a microsecond every 20 ms.
 */
export class LoopDelay {
  readonly #clock: Clock;
  #older: Delays;
  #younger: Delays;
  #callOff: () => void;

  constructor(clock: Clock, older: Delays, younger: Delays) {
    this.#clock = clock;
    this.#older = older;
    this.#younger = younger;
    this.#callOff = clock.after(halfMs, this.#turn);
  }

  /** The interval between two looks is no delay. */
  figures(): LoopDelayFigures {
    const delays = this.#older;
    const seconds = (nanoseconds: number) => (delays.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - lookEveryMs / 1000));
    return { p50: seconds(delays.percentile(50)), p99: seconds(delays.percentile(99)), max: seconds(delays.max) };
  }

  stop(): void {
    this.#callOff();
  }

  readonly #turn = (): void => {
    const emptied = this.#older;
    emptied.reset();
    this.#older = this.#younger;
    this.#younger = emptied;
    this.#callOff = this.#clock.after(halfMs, this.#turn);
  };
}

/** Begins to watch this process; `stop` ends that. */
export function watchLoopDelay(clock: Clock): Pick<LoopDelay, "figures" | "stop"> {
  const [older, younger] = [open(), open()];
  const delay = new LoopDelay(clock, older, younger);
  return {
    figures: () => delay.figures(),
    stop() {
      delay.stop();
      older.disable();
      younger.disable();
    },
  };
}

function open(): ReturnType<typeof monitorEventLoopDelay> {
  const delays = monitorEventLoopDelay({ resolution: lookEveryMs });
  delays.enable();
  return delays;
}
