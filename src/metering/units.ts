/** Milliseconds of one billed unit. */
const unitMs = 100;

/** Units of 100 ms, each begun one counted; 0 for a call that never had a sandbox. */
export function billedUnits(initMs: number, runMs: number): number {
  return Math.ceil((initMs + runMs) / unitMs);
}
