import type { Activation } from "../api/types.ts";
import { duration } from "../format.ts";

const phases = [
  ["wait", "Waited for a slot"],
  ["create", "Sandbox made"],
  ["init", "Code loaded"],
  ["run", "Function ran"],
] as const;

/** Where the time of a call went, to scale. */
export function Timeline({ activation }: { activation: Activation }) {
  const spans = phases.map(([name, words]) => ({ name, words, ms: activation[`${name}Ms`] }));
  const total = spans.reduce((sum, { ms }) => sum + ms, 0);
  const told = spans.map(({ words, ms }) => `${words}: ${duration(ms)}`).join(", ");
  return (
    <figure class="timeline">
      <div class="bar" role="img" aria-label={`${duration(total)} in all. ${told}`}>
        {spans.map(({ name, words, ms }) =>
          ms > 0 ? <span key={name} class={name} style={{ flexGrow: ms }} title={`${words}: ${duration(ms)}`} /> : null,
        )}
      </div>
      <figcaption>
        <ul class="legend">
          {spans.map(({ name, words, ms }) => (
            <li key={name} class={ms === 0 ? "nil" : undefined}>
              <i class={`swatch ${name}`} /> {words} <b>{duration(ms)}</b>
            </li>
          ))}
          <li>
            In all <b>{duration(total)}</b>
          </li>
        </ul>
      </figcaption>
    </figure>
  );
}
