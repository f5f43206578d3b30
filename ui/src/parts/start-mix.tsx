import { type Figures, starts } from "../api/types.ts";
import { percent } from "../format.ts";

/** Shares of the start types as one thin bar. */
export function StartMix({ figures }: { figures: Figures | undefined }) {
  if (figures === undefined || figures.calls === 0) return <span class="quiet">–</span>;
  const parts = starts.filter((start) => figures.starts[start] > 0);
  const told = parts.map((start) => `${start} ${percent(figures.starts[start], figures.calls)}`).join(", ");
  return (
    <span class="mix" role="img" aria-label={told} title={told}>
      {parts.map((start) => (
        <span key={start} class={start} style={{ flexGrow: figures.starts[start] }} />
      ))}
    </span>
  );
}
