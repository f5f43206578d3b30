/** Extensions and wrappers of a function, whatever protocol its program speaks. */
import type { World } from "../../lib/world.ts";
import { extensionsOf, layersOf } from "../../model/layer.ts";
import type { Fn } from "../../model/model.ts";
import type { LaunchApp, SessionHooks } from "../protocol.ts";
import { lambdaName, type LambdaPlace, lambdaVersion } from "./environment.ts";
import { Extensions } from "./extensions.ts";
import { launcherOf } from "./launcher.ts";
import { sandboxNames } from "./telemetry/subscription.ts";

/** Names of the programs that run beside a function: those of its layers, or of its image. */
export function extensionNames({ source }: Pick<Fn, "source">, app?: LaunchApp): readonly string[] {
  return source.type === "image" ? (app?.extensions ?? []) : extensionsOf(layersOf(source));
}

/** What its sandbox is started with besides. `env`: of the function; `wraps`: whether its program may be wrapped. */
export function launchedBeside(
  fn: Pick<Fn, "source">,
  app: LaunchApp,
  env: Readonly<Record<string, string>>,
  wraps: boolean,
): { readonly wrapper?: readonly string[]; readonly localNames?: readonly string[] } {
  const names = extensionNames(fn, app);
  const wrapper = launcherOf(names, wraps ? env["AWS_LAMBDA_EXEC_WRAPPER"] : undefined);
  return { ...(wrapper === undefined ? {} : { wrapper }), ...(names.length === 0 ? {} : { localNames: sandboxNames }) };
}

/** Those of a sandbox that starts now. `handler`: as the code sees it. */
export function extensionsIn(
  fn: Fn,
  app: LaunchApp | undefined,
  parts: { readonly world: World; readonly place: LambdaPlace; readonly handler: string | null; readonly hooks: SessionHooks },
): Extensions {
  const { world, place, handler, hooks } = parts;
  return new Extensions({
    names: extensionNames(fn, app),
    about: {
      functionName: lambdaName(fn, app?.name ?? null),
      functionVersion: lambdaVersion(fn),
      handler: handler ?? "",
      accountId: place.account,
      memoryMiB: fn.memoryMiB,
    },
    world,
    printed: (text) => hooks.log(null, { stream: "stdout", text }),
  });
}
