import type { Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";

/** Two drivers as one: container images are started by `images`, everything else by `files`. */
export class DriverBeside implements SandboxDriver {
  readonly name: SandboxDriver["name"];
  readonly #files: SandboxDriver;
  readonly #images: SandboxDriver;

  constructor(files: SandboxDriver, images: SandboxDriver) {
    this.name = files.name;
    this.#files = files;
    this.#images = images;
  }

  create(spec: SandboxSpec): Promise<Sandbox> {
    return this.#of(spec).create(spec);
  }

  expect(spec: Omit<SandboxSpec, "output">, count: number): void {
    this.#of(spec).expect?.(spec, count);
  }

  refusedCount(): number {
    return (this.#files.refusedCount?.() ?? 0) + (this.#images.refusedCount?.() ?? 0);
  }

  async trouble(): Promise<string | null> {
    return (await this.#files.trouble?.()) ?? (await this.#images.trouble?.()) ?? null;
  }

  async close(): Promise<void> {
    await Promise.all([this.#files.close(), this.#images.close()]);
  }

  #of({ image }: Pick<SandboxSpec, "image">): SandboxDriver {
    return image === undefined ? this.#files : this.#images;
  }
}
