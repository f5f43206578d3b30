import { Precedence } from "./precedence.ts";

/**
 * A fixed number of permits. Who gets the next one is *urgent*, where somebody is, and of the group that holds the fewest, and within it who
 * asked first; among equals it is the group that got one longest ago. However many one group asks for, another one's first is soon the next.
 *
 * What is not urgent holds three quarters of the permits at most, so that whoever comes urgently finds one.
 */
export class Permits {
  /** Of each group that holds a permit or waits for one; who got one longest ago comes first. */
  readonly #groups = new Map<string, Group>();
  readonly #backgroundMax: number;
  readonly #precedence = new Precedence();
  #free: number;
  /** Held by those that were not urgent when they got theirs. */
  #background = 0;

  constructor(count: number) {
    this.#free = count;
    this.#backgroundMax = Math.max(1, Math.floor(count * 0.75));
  }

  /** Resolves with a function that gives the permit back; call it once. `isUrgent` is asked whenever one is to be had. (Default: it is) */
  take(name: string, isUrgent: () => boolean = () => true): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const known = this.#groups.get(name) ?? { held: 0, waiting: [] };
    known.waiting.push({ isUrgent, resolve });
    this.#groups.set(name, known);
    this.look();
    return promise;
  }

  /** Gives what there is; called when one of those who wait has become urgent. */
  look(): void {
    while (this.#free > 0) {
      const hasRoom = this.#background < this.#backgroundMax;
      const next = this.#precedence.next(this.#first(true), hasRoom ? this.#first(false) : undefined);
      if (next === undefined) return;
      this.#give(next);
    }
  }

  #first(urgent: boolean): Turn | undefined {
    let first: Turn | undefined;
    for (const [name, group] of this.#groups) {
      if (first !== undefined && first.group.held <= group.held) continue;
      const claim = group.waiting.find(({ isUrgent }) => isUrgent() === urgent);
      if (claim !== undefined) first = { name, group, claim, urgent };
    }
    return first;
  }

  #give({ name, group, claim, urgent }: Turn): void {
    this.#free--;
    if (!urgent) this.#background++;
    group.held++;
    group.waiting.splice(group.waiting.indexOf(claim), 1);
    this.#groups.delete(name);
    this.#groups.set(name, group);
    claim.resolve(() => {
      this.#free++;
      if (!urgent) this.#background--;
      group.held--;
      if (group.held === 0 && group.waiting.length === 0) this.#groups.delete(name);
      this.look();
    });
  }
}

interface Group {
  held: number;
  readonly waiting: Claim[];
}

interface Claim {
  readonly isUrgent: () => boolean;
  readonly resolve: (giveBack: () => void) => void;
}

interface Turn {
  readonly name: string;
  readonly group: Group;
  readonly claim: Claim;
  readonly urgent: boolean;
}
