import { useEffect, useRef } from "preact/hooks";

/** A function that runs `act` at once, and while it is called again and again at most once in `everyMs`, at last after the last call. */
export function useCalm(act: () => void, everyMs: number): () => void {
  const latest = useRef(act);
  latest.current = act;
  const state = useRef<{ timer: ReturnType<typeof setTimeout> | undefined; again: boolean }>({ timer: undefined, again: false });
  useEffect(() => () => clearTimeout(state.current.timer), []);

  const run = useRef(() => {
    const { current } = state;
    if (current.timer !== undefined) {
      current.again = true;
      return;
    }
    latest.current();
    current.timer = setTimeout(() => {
      current.timer = undefined;
      if (!current.again) return;
      current.again = false;
      run.current();
    }, everyMs);
  });
  return run.current;
}
