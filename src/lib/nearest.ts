/**
 * The known name that one may have meant, case set aside: few letters away for its length, or one that begins with it. Undefined
 * when none is near.
 */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase().slice(0, 64);
  let best: string | undefined;
  let bestSteps = Math.max(1, Math.floor(Math.min(wanted.length, 12) / 3)) + 1;
  for (const candidate of known) {
    const steps =
      wanted.length >= 3 && candidate.toLowerCase().startsWith(wanted) ? 0.5 : editSteps(wanted, candidate.toLowerCase());
    if (steps < bestSteps) {
      best = candidate;
      bestSteps = steps;
    }
  }
  return best;
}

/** Letters to change, add, drop or swap with their neighbour to get from one to the other. */
export function editSteps(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const change = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let steps = Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1])
        steps = Math.min(steps, (before[j - 2] as number) + 1);
      next.push(steps);
    }
    before = row;
    row = next;
  }
  return row[to.length] as number;
}
