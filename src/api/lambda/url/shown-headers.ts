import type { CorsRules } from "../../../model/fn-url.ts";

/** The headers of an answer as they were shown last: while a function says the same ones, the list stays the same, and whoever writes it knows it. */
export class ShownHeaders {
  /** Names and values by turns. */
  readonly all: readonly string[];
  readonly #said: readonly string[];
  readonly #cors: CorsRules | null;

  constructor(said: readonly string[], cors: CorsRules | null, all: readonly string[]) {
    this.#said = said;
    this.#cors = cors;
    this.all = all;
  }

  /** What the function says, and the URL says of pages, is what it was. */
  isOf(said: readonly string[], cors: CorsRules | null): boolean {
    if (cors !== this.#cors || said.length !== this.#said.length) return false;
    for (let i = 0; i < said.length; i++) if (said[i] !== this.#said[i]) return false;
    return true;
  }
}
