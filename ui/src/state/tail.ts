import { useEffect, useState } from "preact/hooks";
import { readLive } from "../api/live.ts";
import type { LiveLine } from "../api/types.ts";
import { useCell } from "./cell.ts";
import { key } from "./session.ts";

/** So many of the last lines are kept. */
const keptMax = 500;

/** Lines are shown together, so often, however many come. */
const showMs = 150;

/** A page that is opened shows what was printed so shortly before. */
const sinceMs = 60_000;

/** What a function prints. While the page is hidden nothing is read: browsers give a server six connections in all. */
export function useTail(ns: string, functionId: string, onEnded: () => void): { lines: readonly LiveLine[]; lost: number } {
  const [state, setState] = useState<{ lines: readonly LiveLine[]; lost: number }>({ lines: [], lost: 0 });
  const seen = useSeen();
  const carried = useCell(key);

  useEffect(() => {
    if (!seen) return;
    const abort = new AbortController();
    const fresh: LiveLine[] = [];
    let missed = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    setState({ lines: [], lost: 0 });
    const show = () => {
      timer = undefined;
      const added = fresh.splice(0);
      const more = missed;
      missed = 0;
      setState(({ lines, lost }) => ({ lines: [...lines, ...added].slice(-keptMax), lost: lost + more }));
    };
    const soon = () => {
      timer ??= setTimeout(show, showMs);
    };
    const reader = {
      line: (line: LiveLine) => {
        fresh.push(line);
        if (fresh.length > keptMax) fresh.shift();
        soon();
      },
      activation: onEnded,
      lost: (count: number) => {
        missed += count;
        soon();
      },
    };
    void readLive(ns, { function: functionId, since: Date.now() - sinceMs }, reader, abort.signal);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [ns, functionId, seen, carried]);

  return state;
}

function useSeen(): boolean {
  const [seen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    const read = () => setSeen(!document.hidden);
    document.addEventListener("visibilitychange", read);
    return () => document.removeEventListener("visibilitychange", read);
  }, []);
  return seen;
}
