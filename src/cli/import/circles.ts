import { exits, Failure } from "../failure.ts";

/** More than any file needs: what refers to a thing twice, that to another one twice, and so on, would never end. */
const stepsMax = 500_000;

/** Names that are being looked at: who comes back to one goes in a circle. */
export class Circles {
  readonly #file: string;
  readonly #open: string[] = [];
  #steps = 0;

  /** `file`: as messages name it. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Does the work that a name stands for. Throws a `Failure` when it is under way already. */
  within<T>(name: string, work: () => T): T {
    const at = this.#open.indexOf(name);
    if (at >= 0) throw this.#failure("The file refers to itself in a circle", [...this.#open.slice(at), name].join(" → "));
    if (++this.#steps > stepsMax) throw this.#failure("The file's references never end", `More than ${stepsMax} were followed`);
    this.#open.push(name);
    try {
      return work();
    } finally {
      this.#open.pop();
    }
  }

  #failure(what: string, why: string): Failure {
    const fix = "take one of these references out";
    return new Failure({ code: "E_PROJECT", exit: exits.usage, what, where: this.#file, why, fix });
  }
}
