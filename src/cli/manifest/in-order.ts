import { exits, Failure } from "../failure.ts";
import type { WantedSequence } from "./manifest.ts";

/** Sequences behind those that they are made of. Throws a `Failure` where one comes back to itself. */
export function inOrder(sequences: readonly WantedSequence[]): readonly WantedSequence[] {
  const byName = new Map(sequences.map((sequence) => [`/_/${sequence.name}`, sequence]));
  const done = new Set<WantedSequence>();
  const begun: WantedSequence[] = [];
  const visit = (sequence: WantedSequence): void => {
    if (done.has(sequence)) return;
    if (begun.includes(sequence)) throw circle([...begun.slice(begun.indexOf(sequence)), sequence]);
    begun.push(sequence);
    for (const component of sequence.components) {
      const below = byName.get(component);
      if (below !== undefined) visit(below);
    }
    begun.pop();
    done.add(sequence);
  };
  for (const sequence of sequences) visit(sequence);
  return [...done];
}

function circle(sequences: readonly WantedSequence[]): Failure {
  return new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `Sequence ${sequences[0]?.name} comes back to itself`,
    where: sequences[0]?.place,
    why: sequences.map(({ name }) => name).join(" → "),
  });
}
