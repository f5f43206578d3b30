/** What functions of the convention `lambda` are told of themselves. */
import type { World } from "../../lib/world.ts";
import type { Fn } from "../../model/model.ts";
import { lambdaArn, lambdaDefaults, lambdaName, type LambdaPlace, lambdaVariables } from "../runtime-api/environment.ts";

/** Where such functions are said to be, and what names their streams of logs. */
export interface LambdaParts {
  readonly place: LambdaPlace;
  readonly world: World;
}

export function isLambda({ source }: Pick<Fn, "source">): boolean {
  return source.type === "code" && source.convention === "lambda";
}

export function lambdaArnOf(fn: Pick<Fn, "name">, app: string | null, { place }: LambdaParts): string {
  return lambdaArn(place, lambdaName(fn, app));
}

/** The environment `given`, as Lambda has it. Where libraries are is our roots' business. */
export function lambdaEnvironment(
  given: Readonly<Record<string, string>>,
  fn: Pick<Fn, "name" | "memoryMiB" | "source" | "version">,
  app: string | null,
  { place, world }: LambdaParts,
): Record<string, string> {
  const [kind, handler] = fn.source.type === "code" ? [fn.source.kind, fn.source.handler] : [null, null];
  const { LD_LIBRARY_PATH: _, ...defaults } = lambdaDefaults;
  return { ...defaults, ...given, ...lambdaVariables(fn, { app, handler, kind, place, now: world.now(), id: world.newId() }) };
}
