import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Flow } from "./flow.ts";
import { PipePool } from "./pipes.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-flow-"));
const pipes = new PipePool(join(folder, "pipes"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program's output as the spawner reads it. */
class Program {
  readonly #pipes = pipes.take();
  /** In pieces, as they are kept until the link takes them. */
  readonly #told: Buffer[] = [];
  #heard: () => void = () => {};
  readonly flow = new Flow(
    this.#pipes.stdout,
    (data) => {
      this.#told.push(data);
      this.#heard();
      return true;
    },
    null,
    "MARK=",
  );

  get told(): string {
    return Buffer.concat(this.#told).toString();
  }

  print(text: string): void {
    writeSync(this.#pipes.childEnds[1], text);
  }

  /** Resolves once what was told ends like this. */
  async tells(end: string): Promise<void> {
    while (!this.told.endsWith(end)) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** It is over. */
  async end(): Promise<void> {
    this.#pipes.started();
    await this.flow.finish();
    this.#pipes.release();
  }
}

test("what is printed after marks that came alone is told with its own", async () => {
  const program = new Program();
  for (const id of ["a", "b"]) {
    program.print(`\nMARK=${id}\n`);
    // One turn, in which it may be read or not.
    await new Promise((resolve) => setImmediate(resolve));
  }
  program.print("\nMARK=c\n");
  program.print("line\n");
  await program.tells("\nMARK=c\nline\n");
  program.print("more\n");
  await program.tells("line\nmore\n");
  await program.end();
});

test("a program that ends right after a mark is heard to its end", async () => {
  const program = new Program();
  program.print("\nMARK=a\n");
  await new Promise((resolve) => setTimeout(resolve, 2));
  program.print("last words");
  await program.end();
  assert.equal(program.told, "\nMARK=a\nlast words");
});
