/**
 * A fixed number of permits. Who gets the next one is of the group that holds the fewest, and within it who asked first; among equals it is the
 * group that got one longest ago. However many one group asks for, another one's first is soon the next.
 */
export class Permits {
  /** Of each group that holds a permit or waits for one; who got one longest ago comes first. */
  readonly #groups = new Map<string, Group>();
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with a function that gives the permit back; call it once. */
  async take(name: string): Promise<() => void> {
    const group = this.#groupOf(name);
    if (this.#free > 0) {
      this.#free--;
      this.#gets(name, group);
    } else await new Promise<void>((resolve) => group.waiting.push(resolve));
    return () => this.#giveBack(name, group);
  }

  #groupOf(name: string): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = { held: 0, waiting: [] };
    this.#groups.set(name, group);
    return group;
  }

  #giveBack(name: string, group: Group): void {
    group.held--;
    if (group.held === 0 && group.waiting.length === 0) this.#groups.delete(name);
    let next: [string, Group] | undefined;
    for (const each of this.#groups) {
      if (each[1].waiting.length > 0 && (next === undefined || each[1].held < next[1].held)) next = each;
    }
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#gets(...next);
    next[1].waiting.shift()?.();
  }

  #gets(name: string, group: Group): void {
    group.held++;
    this.#groups.delete(name);
    this.#groups.set(name, group);
  }
}

interface Group {
  held: number;
  readonly waiting: (() => void)[];
}
