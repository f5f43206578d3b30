/** Paths with parameters, and which of them a path is. */

interface Branch<T> {
  readonly literals: Map<string, Branch<T>>;
  parameter: Branch<T> | null;
  value: T | null;
}

/** What was found, and how many segments of the path that took. */
export interface Found<T> {
  readonly value: T;
  readonly depth: number;
}

/** Values by paths, of which a segment in braces stands for any. */
export class PathTree<T> {
  readonly #root: Branch<T> = newBranch();

  /** Whether the path was free. */
  add(segments: readonly string[], value: T): boolean {
    let branch = this.#root;
    for (const segment of segments) branch = next(branch, segment);
    if (branch.value !== null) return false;
    branch.value = value;
    return true;
  }

  /** The longest path that this one begins with; of those of equal length one with a literal earlier. Costs at most one visit of each branch. */
  find(segments: readonly string[]): Found<T> | null {
    let best: Found<T> | null = null;
    const visit = (branch: Branch<T>, depth: number): void => {
      if (branch.value !== null && (best === null || depth > best.depth)) best = { value: branch.value, depth };
      const segment = segments[depth];
      if (segment === undefined) return;
      const literal = branch.literals.get(segment);
      if (literal !== undefined) visit(literal, depth + 1);
      // It cannot get any longer than all of it.
      const isWhole = best !== null && (best as Found<T>).depth === segments.length;
      if (!isWhole && branch.parameter !== null && segment !== "") visit(branch.parameter, depth + 1);
    };
    visit(this.#root, 0);
    return best;
  }
}

/** The name of the parameter that a segment is, if it is one. */
export function parameterIn(segment: string): string | undefined {
  return /^\{([^{}]+)\}$/.exec(segment)?.[1];
}

/** The parts of a path that begins with a slash; one that ends it is not counted. */
export function segmentsOf(path: string): string[] {
  const segments = path.slice(1).split("/");
  if (segments.at(-1) === "") segments.pop();
  return segments;
}

function newBranch<T>(): Branch<T> {
  return { literals: new Map(), parameter: null, value: null };
}

function next<T>(branch: Branch<T>, segment: string): Branch<T> {
  if (parameterIn(segment) !== undefined) return (branch.parameter ??= newBranch());
  const found = branch.literals.get(segment) ?? newBranch<T>();
  branch.literals.set(segment, found);
  return found;
}
