/** Changes of a deployment: made one after the other, and told. */
import { Failure } from "./failure.ts";
import type { Change, Leftover, Plan } from "./project/deployment.ts";
import type { Session } from "./session.ts";

/** Hears of changes as they are made. */
export interface Listener {
  begin?(change: Change): void;
  done(change: Change): void;
}

/** The order of the plan: what others need first, deletions last. */
export async function carryOut(changes: readonly Change[], hears: Listener, dryRun = false): Promise<void> {
  for (const change of changes) {
    if (change.verb !== "keep" && !dryRun) {
      hears.begin?.(change);
      await applied(change);
    }
    hears.done(change);
  }
}

async function applied(change: Change): Promise<void> {
  try {
    await change.apply();
  } catch (error) {
    if (!(error instanceof Failure) || error.fields.code !== "E_CONFLICT") throw error;
    throw new Failure({
      ...error.fields,
      what: `Somebody else changed ${change.noun} ${change.name} during this deploy; it is left as they made it`,
      why: error.fields.what,
      fix: "look at their change, then run this again",
    });
  }
}

/** How a deployment is told. */
export interface Telling {
  /** `App shop`. */
  readonly whole: string;
  /** The same for programs: `{"app": "shop"}`. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
  /** What stays as it is, and what would go, are lines too. */
  readonly all: boolean;
}

/** Makes the changes of a plan, unless that is a dry run, and tells each and the whole. True: there was something to change. */
export async function carryOutTelling(session: Session, plan: Plan, telling: Telling): Promise<boolean> {
  const { changes } = plan;
  const begin = ({ notice }: Change) => notice !== undefined && session.say(session.paint("dim", notice));
  await carryOut(changes, { begin, done: (change) => tell(session, change, telling) }, telling.dryRun);
  await summarize(session, plan, telling);
  return changes.some(({ verb }) => verb !== "keep");
}

const signs = { create: ["green", "+"], update: ["yellow", "~"], delete: ["red", "-"], keep: ["dim", "="] } as const;

function tell({ out }: Session, { verb, noun, name, fields }: Change, { dryRun, all }: Telling): void {
  if ((verb === "keep" && !all) || out.format !== "table") return;
  const [colour, sign] = signs[verb];
  const done = dryRun
    ? { create: "would be created", update: "would change", delete: "would be deleted", keep: "stays as it is" }
    : { create: "created", update: "changed", delete: "deleted", keep: "stays as it is" };
  const what = fields.length > 0 && verb === "update" ? ` (${fields.join(", ")})` : "";
  out.line(`${out.paint(colour, sign)} ${noun} ${name} ${done[verb]}${what}`);
}

async function summarize(session: Session, { changes, leftovers }: Plan, { whole, fields, dryRun, all }: Telling): Promise<void> {
  const { out } = session;
  const made = changes.filter(({ verb }) => verb !== "keep");
  if (out.format === "name") for (const { noun, name } of made) out.line(`${noun}/${name}`);
  else if (out.format !== "table") {
    const shown = changes.map((change) => ({ verb: change.verb, noun: change.noun, name: change.name, fields: change.fields }));
    await out.item({ ...fields, dryRun, changed: made.length > 0, changes: shown, leftovers }, whole);
  } else {
    if (all)
      for (const { noun, name } of leftovers) out.line(`${out.paint("red", "-")} ${noun} ${name} would be deleted with --prune`);
    if (made.length === 0) out.line("no changes");
  }
  if (leftovers.length > 0 && !all) session.say(session.paint("dim", leftoverText(whole, leftovers)));
}

function leftoverText(whole: string, leftovers: readonly Leftover[]): string {
  const names = leftovers.map(({ noun, name }) => `${noun} ${name}`).join(", ");
  return `${whole} also has ${names}, which this project does not; --prune deletes ${leftovers.length === 1 ? "it" : "them"}`;
}
