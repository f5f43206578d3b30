/** Work of one name after the other, of different names at once. */
export class Turns {
  /** What was begun last of each name, until it is over. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** As `work` ends. */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const own = before.then(work, work);
    this.#last.set(name, own);
    try {
      return await own;
    } finally {
      if (this.#last.get(name) === own) this.#last.delete(name);
    }
  }
}
