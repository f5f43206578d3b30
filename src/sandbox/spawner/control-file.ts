/** Sets what a control group does by writing a few bytes to a file of the kernel that stays open. */
import { close, open, write } from "node:fs";
import { promisify } from "node:util";

const openFile = promisify(open);
const closeFile = promisify(close);
const writeFile = promisify<number, string>(write);

/**
 * Of one sandbox: whether it is frozen, or what it gets of the processors. Writes are done on a thread, because the kernel may hold its
 * lock for milliseconds while another sandbox starts, and one after the other: two at once could take effect in any order, and a close
 * between them would leave the second to a stranger's descriptor of the same number. The file stays open because another sandbox may
 * have one of the same name later.
 */
export class ControlFile {
  readonly #file: string;
  #descriptor: number | null = null;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(file: string) {
    this.#file = file;
  }

  /** Nothing happens once the group is gone. */
  set(state: string): Promise<void> {
    const done = this.#last.then(() => this.#write(state));
    this.#last = done.catch(() => {});
    return done;
  }

  /** The sandbox has ended: gives the descriptor back. */
  close(): void {
    this.#closed = true;
    this.#last = this.#last.then(() => this.#release());
  }

  async #write(state: string): Promise<void> {
    if (this.#closed) return;
    try {
      this.#descriptor ??= await openFile(this.#file, "w");
      await writeFile(this.#descriptor, state);
    } catch (error) {
      // The program may end in between; then there is nothing to set.
      if (!this.#closed && !gone.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  async #release(): Promise<void> {
    if (this.#descriptor !== null) await closeFile(this.#descriptor);
    this.#descriptor = null;
  }
}

const gone: ReadonlySet<string> = new Set(["ENOENT", "ENODEV"]);
