import { laidOut } from "../format.ts";
import { OwnLines } from "./own-text.tsx";

/** So much of a body is shown; browsers take long to lay out more. */
const shownMax = 100_000;

interface BlockProps {
  readonly label: string;
  readonly text: string;
  readonly type: string;
}

/** A body as it was sent or answered, JSON laid out. */
export function Block({ label, text, type }: BlockProps) {
  if (text === "") return <p class="quiet">{label}: empty</p>;
  const whole = laidOut(text, type);
  return (
    <figure class="block">
      <figcaption>
        {label} <span class="quiet">{type}</span>
      </figcaption>
      <pre tabIndex={0} aria-label={label}>
        <OwnLines text={whole.slice(0, shownMax)} />
      </pre>
      {whole.length > shownMax && <p class="quiet">{whole.length - shownMax} more characters are not shown.</p>}
    </figure>
  );
}
