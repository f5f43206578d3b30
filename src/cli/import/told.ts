import type { Session } from "../session.ts";
import type { Remark } from "./wanted.ts";

/** What is not here or not the same, each with its place and what to do, on stderr. */
export function tellRemarks(session: Session, remarks: readonly Remark[], held: ReadonlySet<string>): void {
  for (const { level, place, of, what, fix } of remarks) {
    const mark = level === "missing" ? session.paint("yellow", "missing") : session.paint("dim", "note");
    const whose = of === null ? "" : `${of}: `;
    session.say(`${mark}: ${place}: ${whose}${what}${fix === null ? "" : `; ${fix}`}`);
  }
  for (const name of held)
    session.say(`${session.paint("yellow", "held back")}: ${name} is not deployed; see what is missing above, or --partial`);
}
