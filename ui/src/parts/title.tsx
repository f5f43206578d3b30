import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The page's heading: names the tab, and takes the focus so that a page that was changed to is read from here. */
export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · polykiln`;
    if (moved) heading.current?.focus({ preventScroll: true });
    moved = true;
  }, [text]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? text}
    </h1>
  );
}

/** The first page of all leaves the focus where the browser has it. */
let moved = false;
