/** So many who are waited for pass one that nobody waits for, before it has its turn all the same. */
const passesMax = 4;

/** Who goes first: calls for whose answer somebody waits, before those out of the queue, which get every fifth turn all the same. */
export class Precedence {
  #passed = 0;

  /** One of the two, either of which may be missing. */
  next<T>(urgent: T | undefined, background: T | undefined): T | undefined {
    const isTheirTurn = urgent === undefined || (background !== undefined && this.#passed === passesMax);
    this.#passed = isTheirTurn || background === undefined ? 0 : this.#passed + 1;
    return isTheirTurn ? background : urgent;
  }
}
