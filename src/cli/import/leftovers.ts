/** What an earlier import of the same stack made and its file has no more. */
import type { Change, Leftover } from "../project/deployment.ts";
import { type Body, functionPath, type LambdaDoor, LambdaRefusal } from "./lambda-door.ts";
import { stackTag } from "./around.ts";
import type { Schedules } from "./schedule-change.ts";
import { leavesOut, type Wanted } from "./wanted.ts";

interface Looking {
  readonly door: LambdaDoor;
  readonly schedules: Schedules;
  readonly wanted: Wanted;
  readonly held: ReadonlySet<string>;
}

/** In the order in which they can be deleted. */
export async function leftoversOf(looking: Looking): Promise<Leftover[]> {
  const { door, schedules, wanted, held } = looking;
  // One that has no name today may be any of those that are there.
  if (leavesOut(wanted)) return [];
  const kept = new Set(wanted.functions.flatMap((fn) => (held.has(fn.name) ? [] : fn.schedules.map(({ name }) => name))));
  const heldBack = (schedule: string) => [...held].some((name) => schedule.startsWith(`${name}-`));
  const gone = (await schedules.made()).filter((name) => !kept.has(name) && !heldBack(name));
  return [
    ...gone.toSorted().map((name) => ({ noun: "schedule" as const, name })),
    ...(await urlsGone(door, wanted, held)).map((name) => ({ noun: "url" as const, name })),
    ...(await functionsGone(door, wanted)).map((name) => ({ noun: "function" as const, name })),
  ];
}

async function functionsGone(door: LambdaDoor, { stack, functions }: Wanted): Promise<string[]> {
  const wanted = new Set(functions.map(({ name }) => name));
  const gone: string[] = [];
  for (let marker: string | undefined = ""; marker !== undefined; ) {
    const page: Body = await door.ask("GET", "/2015-03-31/functions", { query: marker === "" ? {} : { Marker: marker } });
    for (const { FunctionName: name, FunctionArn: arn } of page["Functions"] as { FunctionName: string; FunctionArn: string }[]) {
      if (wanted.has(name)) continue;
      const tags = await door.find(`/2017-03-31/tags/${encodeURIComponent(arn)}`);
      if (tags?.["Tags"]?.[stackTag] === stack) gone.push(name);
    }
    marker = (page["NextMarker"] as string | undefined) ?? undefined;
  }
  return gone.toSorted();
}

/** As `NAME`, or `NAME:ALIAS`. */
async function urlsGone(door: LambdaDoor, { functions }: Wanted, held: ReadonlySet<string>): Promise<string[]> {
  const gone: string[] = [];
  for (const { name, url, alias } of functions.filter((fn) => !held.has(fn.name))) {
    const wanted = url === null ? undefined : alias === null ? name : `${name}:${alias.name}`;
    const found = await door.find(`${functionPath(name, "2021-10-31")}/urls`);
    for (const { FunctionArn: arn } of (found?.["FunctionUrlConfigs"] ?? []) as { FunctionArn: string }[]) {
      const shown = arn.split(":function:")[1] ?? name;
      if (shown !== wanted) gone.push(shown);
    }
  }
  return gone;
}

export function removal({ door, schedules }: Pick<Looking, "door" | "schedules">, { noun, name }: Leftover): Change {
  const remove = async () => {
    if (noun === "schedule") await schedules.remove(name);
    else if (noun === "url") await removeUrl(door, name);
    else await door.ask("DELETE", functionPath(name));
  };
  return { verb: "delete", noun, name, fields: [], apply: () => remove().catch(unlessGone) };
}

async function removeUrl(door: LambdaDoor, shown: string): Promise<void> {
  const [name = "", alias] = shown.split(":");
  const query: Record<string, string> = alias === undefined ? {} : { Qualifier: alias };
  await door.ask("DELETE", `${functionPath(name, "2021-10-31")}/url`, { query });
}

function unlessGone(error: unknown): void {
  if (!(error instanceof LambdaRefusal) || !error.isNotFound) throw error;
}
