const minuteMs = 60_000;

/** Counts what happens within a minute. The minute begins with the first, and the next one with the first after it: nothing runs meanwhile. */
export class Minute {
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** Counts one more; how many there are with it. */
  add(nowMs: number): number {
    if (nowMs - this.#beganAtMs >= minuteMs) {
      this.#beganAtMs = nowMs;
      this.#count = 0;
    }
    return ++this.#count;
  }

  /** Until the next one, rounded up. */
  leftS(nowMs: number): number {
    return Math.max(1, Math.ceil((this.#beganAtMs + minuteMs - nowMs) / 1000));
  }
}
