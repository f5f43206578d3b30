import { realWorld, type World } from "../src/lib/world.ts";

/** A world whose time a test lets pass, and whose clock it sets. */
export interface SetWorld extends World {
  /** So much time goes by; timers that are due run. */
  pass(ms: number): void;
  /** Somebody sets the wall clock; no time goes by. */
  step(ms: number): void;
}

export function setWorld(): SetWorld {
  const real = realWorld();
  let wall = 1_700_000_000_000;
  let monotonic = 1000;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  return {
    ...real,
    now: () => wall,
    monotonic: () => monotonic,
    after(ms, run) {
      const timer = { at: monotonic + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    pass(ms) {
      wall += ms;
      monotonic += ms;
      const due = timers.filter(({ at }) => at <= monotonic);
      timers = timers.filter(({ at }) => at > monotonic);
      for (const { run } of due) run();
    },
    step(ms) {
      wall += ms;
    },
  };
}
