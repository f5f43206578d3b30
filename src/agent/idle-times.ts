/** Each bin reaches a tenth further than the one before, from 10 ms to two days: fine enough to expect a call, and 200 bytes in all. */
const firstBinMs = 10;
const binsOfDoubling = 8;
const bins = 192;
/** From so many on old ones count half, and so on: a function that changes its ways is understood anew. */
const countMax = 120;

/** A range of durations in ms. */
export interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How long something was idle, each time: a histogram of a fixed size that forgets. */
export class IdleTimes {
  readonly #counts = new Uint8Array(bins);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    if (this.#count >= countMax) this.#halve();
    const bin = binOf(ms);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#count++;
  }

  /** The bin up to which this part of all is; of the longest ones it is not known how long they are. Only where there are some. */
  quantile(part: number): Bin {
    let left = part * this.#count;
    for (let bin = 0; bin < bins; bin++) {
      left -= this.#counts[bin] ?? 0;
      if (left <= 0 && (this.#counts[bin] ?? 0) > 0) return { fromMs: edgeMs(bin), toMs: endMs(bin) };
    }
    return { fromMs: edgeMs(bins - 1), toMs: Number.POSITIVE_INFINITY };
  }

  /** How much of the time between the two they take, in the mean: what it costs to keep something for that time until it is used. */
  meanWithin(fromMs: number, untilMs: number): number {
    let sumMs = 0;
    for (const [bin, count] of this.#counts.entries()) {
      if (count > 0) sumMs += count * Math.max(0, Math.min((edgeMs(bin) + endMs(bin)) / 2, untilMs) - fromMs);
    }
    return sumMs / Math.max(1, this.#count);
  }

  #halve(): void {
    this.#count = 0;
    for (const [bin, count] of this.#counts.entries()) {
      this.#counts[bin] = count >> 1;
      this.#count += count >> 1;
    }
  }
}

function binOf(ms: number): number {
  const bin = 1 + Math.floor(Math.log2(Math.max(ms, 1) / firstBinMs) * binsOfDoubling);
  return Math.min(bins - 1, Math.max(0, bin));
}

/** Where a bin begins; the first one holds whatever is shorter. */
function edgeMs(bin: number): number {
  return bin === 0 ? 0 : firstBinMs * 2 ** ((bin - 1) / binsOfDoubling);
}

function endMs(bin: number): number {
  return bin === bins - 1 ? Number.POSITIVE_INFINITY : edgeMs(bin + 1);
}
