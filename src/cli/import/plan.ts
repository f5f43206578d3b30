/** Compares what a file asks for with the server: layers first, then functions and what belongs to them, what calls them, and deletions last. */
import type { Client } from "../client.ts";
import { Failure } from "../failure.ts";
import { Wire } from "../manifest/wire.ts";
import type { Change, Plan } from "../project/deployment.ts";
import { aliasChange } from "./alias-change.ts";
import type { Around } from "./around.ts";
import type { Packed } from "./code.ts";
import { functionChange } from "./function-change.ts";
import { type LambdaDoor, LambdaRefusal } from "./lambda-door.ts";
import { layerChange } from "./layer-change.ts";
import { leftoversOf, removal } from "./leftovers.ts";
import { Schedules } from "./schedule-change.ts";
import { urlChange } from "./url-change.ts";
import type { Wanted, WantedFunction } from "./wanted.ts";

export interface ImportPlanOptions {
  readonly client: Client;
  readonly door: LambdaDoor;
  readonly namespace: string;
  readonly wanted: Wanted;
  /** Of those that are not held. */
  readonly code: ReadonlyMap<string, Packed>;
  /** Names of functions that are not deployed, and not taken for gone. */
  readonly held: ReadonlySet<string>;
  readonly prune: boolean;
  /** Hears the URL of a function, once it has one. */
  told(name: string, url: string): void;
}

export async function planImport(options: ImportPlanOptions): Promise<Plan> {
  const { client, door, namespace, wanted, held, prune, told } = options;
  const around: Around = { door, stack: wanted.stack, code: options.code, layerArns: new Map(), told };
  const schedules = new Schedules(client, new Wire(client, namespace), namespace, wanted.stack);
  const functions = wanted.functions.filter(({ name }) => !held.has(name));
  const layers = wanted.layers.filter(({ id }) =>
    functions.some((fn) => fn.layers.some((layer) => "layer" in layer && layer.layer === id)),
  );
  const changes: Change[] = [];
  for (const layer of layers) changes.push(await placed(layer.place, layerChange(around, layer)));
  const changed = new Set<string>();
  for (const fn of functions) {
    const change = await placed(fn.place, functionChange(around, fn));
    if (change.verb !== "keep") changed.add(fn.name);
    changes.push(change);
  }
  for (const fn of functions) changes.push(...(await ofFunction(around, fn, changed.has(fn.name))));
  for (const fn of functions)
    for (const each of fn.schedules) changes.push(await placed(each.place, schedules.change(fn.name, each)));
  const leftovers = await leftoversOf({ door, schedules, wanted, held });
  const deletions = prune ? leftovers.map((leftover) => removal({ door, schedules }, leftover)) : [];
  return { changes: [...changes, ...deletions], leftovers: prune ? [] : leftovers };
}

async function ofFunction(around: Around, fn: WantedFunction, isChanged: boolean): Promise<Change[]> {
  const alias = fn.alias === null ? [] : [await placed(fn.place, aliasChange(around, fn.name, fn.alias, isChanged))];
  const url = fn.url === null ? [] : [await placed(fn.url.place, urlChange(around, fn.name, fn.alias?.name, fn.url))];
  return [...alias, ...url];
}

/** What the server refuses is told with the place of what it refused. */
async function placed(place: string, work: Promise<Change>): Promise<Change> {
  const change = await withPlace(place, work);
  return { ...change, apply: () => withPlace(place, change.apply()) };
}

async function withPlace<T>(place: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof LambdaRefusal)) throw error;
    throw new Failure({ ...error.fields, where: place });
  }
}
