import { relative, sep } from "node:path";
import type { Client } from "../client.ts";
import { prepareCode } from "../deploy.ts";
import { Failure, failureJson, renderFailure } from "../failure.ts";
import { shownMs } from "../output.ts";
import { type Change, checkKinds, planDeployment, swapCode } from "../project/deployment.ts";
import { IgnoreRules } from "../project/ignore.ts";
import type { Packed } from "../project/pack.ts";
import type { PlannedFunction, Project } from "../project/project.ts";
import type { Session } from "../session.ts";

/** An editor writes a file in several steps; this long after the last of them it is taken to be whole. */
const quietMs = 12;

type Swapped = Pick<Change, "verb" | "noun" | "name">;

/** Brings what is saved to the server: one change at a time, and what was saved meanwhile right after. */
export class Swapper {
  readonly #session: Session;
  readonly #client: Client;
  readonly #home: string;
  readonly #load: () => Project;
  #project: Project | undefined;
  #code = new Map<string, Packed>();
  readonly #saved = new Set<string>();
  #firstSavedAt = 0;
  #stopClock = () => {};
  #running: Promise<void> | undefined;

  constructor(session: Session, client: Client, namespace: string, load: () => Project) {
    this.#session = session;
    this.#client = client;
    this.#home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`;
    this.#load = load;
  }

  /** Everything, for the first time. Throws. */
  async first(): Promise<Project> {
    const project = this.#load();
    for (const warning of project.warnings) this.#session.say(`${this.#session.paint("yellow", "warning")}: ${warning}`);
    await checkKinds(this.#client, project);
    this.#code = await prepareCode(project, this.#build);
    await this.#bring(project);
    this.#project = project;
    return project;
  }

  /** A file was saved, added or removed. */
  saved(file: string): void {
    const { world } = this.#session.around;
    if (this.#isBuilt(file)) return;
    if (this.#saved.size === 0) this.#firstSavedAt = world.monotonic();
    this.#saved.add(file);
    this.#stopClock();
    this.#stopClock = world.after(quietMs, () => this.#start());
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    this.#stopClock();
    await this.#running;
  }

  #start(): void {
    if (this.#running !== undefined || this.#saved.size === 0) return;
    this.#running = this.#swap().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #swap(): Promise<void> {
    const files = [...this.#saved];
    this.#saved.clear();
    const began = this.#firstSavedAt;
    try {
      const settings = files.some((file) => this.#project?.files.includes(file) || /\.env[^/]*$/.test(file));
      const project = settings || this.#project === undefined ? this.#load() : this.#project;
      if (settings) await checkKinds(this.#client, project);
      const stale = project.functions.filter((fn) => settings || files.some((file) => isIn(fn, file)));
      if (stale.length === 0) return;
      const fresh = await prepareCode({ ...project, functions: stale }, this.#build);
      const code = new Map([...this.#code, ...fresh]);
      const changes =
        settings || !(await this.#swapped(project, fresh))
          ? await this.#bring(project, code)
          : codeChanges(stale, fresh, this.#code);
      this.#project = project;
      this.#code = code;
      for (const { name } of stale) this.#prepare(project, name);
      const tookMs = this.#session.around.world.monotonic() - began;
      for (const change of changes) this.#tell(change, tookMs);
    } catch (error) {
      if (this.#session.around.interrupted.aborted) return;
      this.#complain(error);
    }
  }

  async #bring(project: Project, code = this.#code): Promise<Change[]> {
    const plan = await planDeployment({ client: this.#client, home: this.#home, project, code, prune: false });
    const changes = plan.changes.filter(({ verb }) => verb !== "keep");
    for (const change of changes) await change.apply();
    return changes;
  }

  /** True when the code of all these functions is on the server now. */
  async #swapped(project: Project, fresh: ReadonlyMap<string, Packed>): Promise<boolean> {
    const swaps = project.functions.map(async (fn) => {
      const packed = fresh.get(fn.name);
      if (packed === undefined || packed.digest === this.#code.get(fn.name)?.digest) return true;
      return await swapCode(this.#client, this.#home, project, fn, packed);
    });
    return (await Promise.all(swaps)).every((done) => done);
  }

  /** The next call finds a sandbox ready. If that fails, it makes one itself. */
  #prepare({ app }: Project, name: string): void {
    const path = `${this.#home}/apps/${encodeURIComponent(app)}/functions/${encodeURIComponent(name)}/prepare`;
    void this.#client.exchange("POST", path).catch(() => {});
  }

  get #build() {
    return { build: true, signal: this.#session.around.interrupted };
  }

  /** What a build writes must not begin another one. */
  #isBuilt(file: string): boolean {
    return (this.#project?.functions ?? []).some((fn) => {
      if (fn.build.length === 0 || fn.include === null || !isIn(fn, file)) return false;
      return IgnoreRules.none.with(fn.include).judge(relative(fn.folder as string, file).replaceAll(sep, "/"), false) === true;
    });
  }

  #tell({ verb, noun, name }: Swapped, tookMs: number): void {
    const { out, paint } = this.#session;
    if (out.format !== "table") out.event({ event: "swapped", verb, noun, name, tookMs }, "");
    else this.#session.say(`${paint("green", "swapped")} ${noun} ${name} in ${shownMs(tookMs)}`);
  }

  /** A mistake in a file ends nothing: the last good state goes on. */
  #complain(error: unknown): void {
    const { around, out, paint } = this.#session;
    const failure =
      error instanceof Failure ? error : new Failure({ code: "E_INTERNAL", exit: 1, what: (error as Error).message });
    around.stderr.write(out.format === "table" ? renderFailure(failure, paint) : failureJson(failure));
    this.#session.say(paint("dim", "The last good version goes on being served."));
  }
}

/** What was done, to be told. */
function codeChanges(
  functions: readonly PlannedFunction[],
  fresh: ReadonlyMap<string, Packed>,
  before: ReadonlyMap<string, Packed>,
): Swapped[] {
  return functions
    .filter(({ name }) => fresh.get(name)?.digest !== before.get(name)?.digest)
    .map(({ name }) => ({ verb: "update", noun: "function", name }));
}

function isIn(fn: PlannedFunction, file: string): boolean {
  return fn.folder !== null && (file === fn.folder || file.startsWith(fn.folder + sep));
}
