/**
 * Lambda's Runtime API: the code polls for its events at an HTTP server of ours, which it finds in `AWS_LAMBDA_RUNTIME_API`, and posts what came of them.
 *
 * Promises: any client of that API works as it is, also one that polls for several events at a time; stale and invented ids are refused and disturb
 * nobody; a response in pieces reaches the caller as it comes. Deliberately absent: what functions answer to HTTP requests with (the doors'),
 * SnapStart, and X-Ray. Source: the Lambda developer guide, "Using the Lambda runtime API"; the runtime interface emulator; the clients.
 */
import { untilAborted } from "../../lib/until-aborted.ts";
import type { World } from "../../lib/world.ts";
import type { Fn, Source } from "../../model/model.ts";
import type { FunctionProtocol, Launch, LaunchApp } from "../protocol.ts";
import { lambdaArn, lambdaDefaults, lambdaName, type LambdaPlace, lambdaVariables, isBare, taskFolder } from "./environment.ts";
import { extensionsIn, launchedBeside } from "./extended.ts";
import { ExtendedSession } from "./extended-session.ts";
import { RuntimeSession } from "./session.ts";

/** One for all functions of a process. */
export function runtimeApiProtocol(world: World, place: LambdaPlace): FunctionProtocol {
  return {
    name: "runtime-api",
    once: false,
    serial: false,
    attributesOutput: false,
    launch: (fn, app) => launch(fn, app, world, place),
    async open(fn, dial, hooks, signal, app) {
      const arn = lambdaArn(place, lambdaName(fn, app?.name ?? null));
      const extensions = extensionsIn(fn, app, { world, place, handler: handlerOf(fn.source), hooks });
      const session = new RuntimeSession({ dial, world, arn, concurrency: eventsOf(fn), extensions });
      void session.ready.then(
        () => extensions.runtimeReady(),
        () => {},
      );
      try {
        await untilAborted(Promise.all([session.ready, extensions.ready]), signal);
      } catch (error) {
        session.close();
        extensions.close();
        throw error;
      }
      if (!extensions.areThere) return session;
      return new ExtendedSession({ inner: session, endInner: () => session.end(), extensions, hooks, world, arn });
    },
  };
}

/** Each poll of a sandbox is a connection, and a process that leads to us. What is beyond waits for the next poll. */
const eventsMax = 32;

/** How many events the code may have at a time. */
const eventsOf = ({ concurrency }: Pick<Fn, "concurrency">) => Math.min(concurrency, eventsMax);

function launch(fn: Fn, app: LaunchApp, world: World, place: LambdaPlace): Launch {
  const { source } = fn;
  const kind = "kind" in source && source.type !== "image" ? (source.kind ?? null) : null;
  const start = { app: app.name, handler: handlerOf(source), kind, place, now: world.now(), id: world.newId() };
  const env = {
    ...(kind === null ? {} : lambdaDefaults),
    ...app.config,
    ...fn.config,
    ...lambdaVariables(fn, start),
    // Clients that know it poll for as many events.
    ...(eventsOf(fn) > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(eventsOf(fn)) } : {}),
  };
  return {
    env,
    // What brings its own runtime starts as it likes.
    ...launchedBeside(fn, app, env, kind !== null && !isBare(kind)),
    endpoint: { via: "loopback", variable: "AWS_LAMBDA_RUNTIME_API" },
    codePlace: taskFolder,
    // Lambda gives a function that was not ready in time another time, of the length of a call: ours has both in one.
    loadMsMax: fn.timeoutMs,
    shim: false,
  };
}

/** A program that names none has the name of its file: Lambda wants one of everybody. */
function handlerOf(source: Source): string | null {
  if (source.type === "executable") return source.command[0]?.replace(/^.*\//, "") ?? "bootstrap";
  if (source.type === "sequence") return null;
  return source.handler ?? (source.type === "code" && source.kind.startsWith("provided:") ? "bootstrap" : null);
}
