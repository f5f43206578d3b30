import { nearest } from "../../lib/nearest.ts";
import { exits, Failure } from "../failure.ts";
import type { WantedAction } from "./manifest.ts";
import type { RuntimeAnswer } from "./wire.ts";

/** The kind that the server makes of the one that an action wants. Throws a `Failure` for one that it does not have. */
export function resolveKind(
  { name, kind, image, place }: WantedAction,
  runtimes: Readonly<Record<string, readonly RuntimeAnswer[]>>,
): string {
  if (image !== null) return kind;
  const all = Object.values(runtimes).flat();
  const family = /^([^:]*)(?::default)?$/.exec(kind)?.[1];
  const found =
    all.find((each) => each.kind === kind) ??
    (family === undefined ? undefined : runtimes[family]?.find((each) => each.default)) ??
    all.find(({ aliases }) => aliases?.includes(kind));
  if (found !== undefined) return found.kind;
  const known = all.map((each) => each.kind);
  const meant = nearest(kind, known);
  throw new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `Action ${name} has the runtime ${JSON.stringify(kind)}, which the server does not have`,
    where: place,
    why: `It has ${known.join(", ")}`,
    fix: meant === undefined ? undefined : `did you mean ${meant}?`,
  });
}
