import { useEffect, useRef } from "preact/hooks";
import { lineTime } from "../format.ts";
import { links } from "../router.ts";
import { useTail } from "../state/tail.ts";
import { OwnText } from "./own-text.tsx";

interface TailProps {
  readonly ns: string;
  readonly functionId: string;
  /** A call of the function is over. */
  readonly onEnded: () => void;
}

/** What the function prints, while it prints. It stays at its end unless somebody scrolls away from it. */
export function Tail({ ns, functionId, onEnded }: TailProps) {
  const { lines, lost } = useTail(ns, functionId, onEnded);
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  }, [lines]);
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = list.current as HTMLOListElement;
    atEnd.current = scrollTop + clientHeight > scrollHeight - 8;
  };
  return (
    <section class="card" aria-labelledby="tail">
      <h2 id="tail">Live log</h2>
      {lines.length === 0 ? (
        <p class="quiet">Nothing was printed in the last minute. Lines appear here as they come.</p>
      ) : (
        <ol class="log" ref={list} tabIndex={0} aria-label="What the function prints" onScroll={scrolled}>
          {lines.map((line, index) => (
            <li key={`${line.activationId} ${line.at} ${index}`} class={line.stream}>
              <time dateTime={line.at}>{lineTime(line.at)}</time>
              <span class="stream">{line.stream}</span>
              <span class="text">
                <OwnText text={line.text} />
              </span>
              <a href={links.activation(line.activationId)} title={`Activation ${line.activationId}`}>
                {line.activationId.slice(-6)}
              </a>
            </li>
          ))}
        </ol>
      )}
      {lost > 0 && <p class="quiet">{lost} events were left out: this page was too slow.</p>}
    </section>
  );
}
