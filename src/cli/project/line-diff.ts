/** A line of two texts beside each other: in both, only in the first, only in the second. */
export interface DiffLine {
  readonly sign: " " | "-" | "+";
  readonly text: string;
}

/** Above this many lines each is shown whole: the comparison costs one times the other. */
const linesMax = 2000;

/** What has to change to get from one text to the other, in as few lines as can be. */
export function lineDiff(from: string, to: string): DiffLine[] {
  const [a, b] = [from.split("\n"), to.split("\n")];
  if (a.length > linesMax || b.length > linesMax) return [...a.map(removed), ...b.map(added)];
  const common = commonLengths(a, b);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [before, after] = [a[i], b[j]];
    if (before !== undefined && before === after) {
      lines.push({ sign: " ", text: before });
      i++;
      j++;
    } else if (before !== undefined && (after === undefined || lengthAt(common, i + 1, j) >= lengthAt(common, i, j + 1))) {
      lines.push(removed(before));
      i++;
    } else {
      lines.push(added(after as string));
      j++;
    }
  }
  return lines;
}

const removed = (text: string): DiffLine => ({ sign: "-", text });
const added = (text: string): DiffLine => ({ sign: "+", text });

/** How many lines the rests of both, from each line on, have in common. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      (rows[i] as Uint16Array)[j] =
        a[i] === b[j] ? lengthAt(rows, i + 1, j + 1) + 1 : Math.max(lengthAt(rows, i + 1, j), lengthAt(rows, i, j + 1));
  return rows;
}

function lengthAt(rows: readonly Uint16Array[], i: number, j: number): number {
  return rows[i]?.[j] ?? 0;
}
