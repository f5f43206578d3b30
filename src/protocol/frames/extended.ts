import { untilAborted } from "../../lib/until-aborted.ts";
import type { Fn } from "../../model/model.ts";
import type { Dial, Launch, LaunchApp, Session, SessionHooks } from "../protocol.ts";
import { extensionNames, extensionsIn, launchedBeside } from "../runtime-api/extended.ts";
import { ExtendedSession } from "../runtime-api/extended-session.ts";
import { ExtensionsDoor } from "../runtime-api/extensions-door.ts";
import { RuntimeSession } from "../runtime-api/session.ts";
import { isLambda, type LambdaParts, lambdaArnOf } from "./lambda.ts";
import type { FramesSession } from "./session.ts";

/** Programs of its layers run beside a function's own. */
export function isExtended(fn: Pick<Fn, "source">): boolean {
  return isLambda(fn) && extensionNames(fn).length > 0;
}

/** A launch with what runs beside it: then runtime and extensions find the platform on one port. */
export function extendedLaunch(launched: Launch, fn: Pick<Fn, "source">, app: LaunchApp): Launch {
  const beside = launchedBeside(fn, app, launched.env, true);
  if (!isExtended(fn)) return { ...launched, ...beside };
  return { ...launched, ...beside, endpoint: { via: "loopback", variable: "AWS_LAMBDA_RUNTIME_API" } };
}

/** A session with a runtime of ours, and with the extensions beside it. `open`: how the first is had over the runtime's connection. */
export async function openExtended(
  fn: Fn,
  dial: Dial,
  hooks: SessionHooks,
  signal: AbortSignal,
  { app, lambda, open }: ExtendedOpening,
): Promise<Session> {
  const { world, place } = lambda;
  const handler = fn.source.type === "code" ? fn.source.handler : null;
  const extensions = extensionsIn(fn, app, { world, place, handler, hooks });
  const arn = lambdaArnOf(fn, app?.name ?? null, lambda);
  // Lambda takes what such a runtime posts as it is; text of our own runtimes is what a handler returned.
  const polled = { dial: null, world, arn, concurrency: fn.concurrency, resultType: "application/json", extensions };
  const polling = () => new RuntimeSession(polled);
  const door = new ExtensionsDoor(extensions, dial, polling);
  const telling: SessionHooks = {
    ...hooks,
    log: (callId, line) => {
      extensions.telemetry.line("function", line.text);
      hooks.log(callId, line);
    },
  };
  try {
    const program = await Promise.race([door.program(signal), rejection(extensions.ready)]);
    const opened = program instanceof RuntimeSession ? program.ready.then(() => program) : open(program, telling);
    const inner = await untilAborted(Promise.race([opened, rejection(extensions.ready)]), signal);
    extensions.runtimeReady();
    await untilAborted(extensions.ready, signal);
    const endInner = () => (inner instanceof RuntimeSession ? inner.end() : inner.close());
    const closeDoor = () => door.close();
    return new ExtendedSession({ inner, endInner, closeDoor, extensions, hooks, world, arn });
  } catch (error) {
    extensions.close();
    door.close();
    throw error;
  }
}

interface ExtendedOpening {
  readonly app: LaunchApp | undefined;
  readonly lambda: LambdaParts;
  readonly open: (connection: Awaited<ReturnType<Dial>>, hooks: SessionHooks) => Promise<FramesSession>;
}

/** Rejects with it, and never resolves. */
function rejection(promise: Promise<unknown>): Promise<never> {
  return promise.then(() => new Promise<never>(() => {}));
}
