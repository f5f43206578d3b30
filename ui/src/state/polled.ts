import { useEffect, useRef, useState } from "preact/hooks";
import { key, keyWanted } from "./session.ts";
import { useCell } from "./cell.ts";

/** What a poll has so far. `data` stays while a later request fails. */
export interface Polled<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  /** Asks again now. */
  readonly refresh: () => void;
}

/**
 * Asks at once and then `everyMs` after each answer, while the page is seen; `everyMs` 0: once. A change of `about` forgets what was
 * asked before. While a key is being asked for, it waits.
 */
export function usePolled<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, about: readonly unknown[]): Polled<T> {
  const [state, setState] = useState<{ data: T | undefined; error: unknown; about: string }>(nothing(""));
  const carried = useCell(key);
  const wanted = useCell(keyWanted);
  const identity = JSON.stringify(about);
  const latest = useRef(ask);
  latest.current = ask;
  const again = useRef<() => void>(() => {});

  useEffect(() => {
    if (wanted !== null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    const later = () => {
      if (everyMs > 0 && !abort.signal.aborted) timer = setTimeout(once, everyMs);
    };
    const once = () => {
      if (asking) return;
      clearTimeout(timer);
      if (document.hidden && everyMs > 0) return later();
      asking = true;
      latest
        .current(abort.signal)
        .then(
          (data) => !abort.signal.aborted && setState({ data, error: undefined, about: identity }),
          (error: unknown) =>
            !abort.signal.aborted &&
            setState((before) => ({ data: before.about === identity ? before.data : undefined, error, about: identity })),
        )
        .finally(() => {
          asking = false;
          later();
        });
    };
    again.current = once;
    once();
    const seen = () => !document.hidden && once();
    document.addEventListener("visibilitychange", seen);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [identity, everyMs, carried, wanted]);

  const current = state.about === identity ? state : nothing(identity);
  return { data: current.data as T | undefined, error: current.error, refresh: () => again.current() };
}

function nothing(about: string): { data: undefined; error: undefined; about: string } {
  return { data: undefined, error: undefined, about };
}
