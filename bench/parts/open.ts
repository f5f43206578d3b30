/** Something that has to be stopped at the end, whatever happens. */
interface Stoppable {
  stop(): unknown;
}

/** Runs `work`, which says of each thing that it starts that it is to be kept, and stops those afterwards, the last one first. */
export async function withOpen<T>(work: (keep: <P extends Stoppable | null>(part: P) => P) => Promise<T>): Promise<T> {
  const open: Stoppable[] = [];
  const keep = <P extends Stoppable | null>(part: P): P => {
    if (part !== null) open.push(part);
    return part;
  };
  try {
    return await work(keep);
  } finally {
    for (const part of open.toReversed()) await part.stop();
  }
}
