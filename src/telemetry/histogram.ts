/** Counts by size, in typed arrays: adding a value makes no garbage. */

/** Upper bounds in seconds of the buckets of durations, as Prometheus shows them. */
export const durationBoundsS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300] as const;

/** A histogram with the bounds above; the last bucket is everything over them. */
export class DurationHistogram {
  readonly counts = new Float64Array(durationBoundsS.length + 1);
  sumMs = 0;

  add(ms: number): void {
    const s = ms / 1000;
    let bucket = 0;
    while (bucket < durationBoundsS.length && s > (durationBoundsS[bucket] as number)) bucket++;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sumMs += ms;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

// A value's bucket is its exponent and the three highest bits after it, as they stand in the number: eight buckets for each power of
// two, so a quantile is at most 6 % off. From 2^-5 ms to 2^20 ms (17 minutes); what is outside counts at the edge.
const lowestExponent = -5;
const highestExponent = 20;
const stepsBits = 3;
const steps = 1 << stepsBits;
const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
/** Which of the two words has the exponent. */
const highWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const firstBucket = (1023 + lowestExponent) << stepsBits;

export const quantileBuckets = (highestExponent - lowestExponent) * steps;

/** The bucket of a duration in ms. */
export function quantileBucket(ms: number): number {
  scratch[0] = ms;
  const bucket = ((scratchWords[highWord] as number) >>> (20 - stepsBits)) - firstBucket;
  return bucket < 0 ? 0 : bucket >= quantileBuckets ? quantileBuckets - 1 : bucket;
}

/** The middle of a bucket in ms. */
function bucketMs(bucket: number): number {
  const power = 2 ** (lowestExponent + Math.floor(bucket / steps));
  return power * (1 + ((bucket % steps) + 0.5) / steps);
}

/** The duration in ms below which `share` (0 to 1) of the values are; null without values. */
export function quantileMs(counts: Uint32Array, total: number, share: number): number | null {
  if (total === 0) return null;
  const wanted = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    seen += counts[bucket] as number;
    if (seen >= wanted) return Number(bucketMs(bucket).toPrecision(3));
  }
  return null;
}
