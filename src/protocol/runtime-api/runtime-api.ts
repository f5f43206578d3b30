/**
 * Lambda's Runtime API: the code polls for its events at an HTTP server of ours, which it finds in `AWS_LAMBDA_RUNTIME_API`, and posts what came of them.
 *
 * Promises: any client of that API works as it is, also one that polls for several events at a time; stale and invented ids are refused and disturb
 * nobody; a response in pieces reaches the caller as it comes. Deliberately absent: what functions answer to HTTP requests with (the doors'), extensions,
 * SnapStart, and X-Ray. Source: the Lambda developer guide, "Using the Lambda runtime API"; the runtime interface emulator; the clients.
 */
import { untilAborted } from "../../lib/until-aborted.ts";
import type { World } from "../../lib/world.ts";
import type { Fn, Source } from "../../model/model.ts";
import type { FunctionProtocol, Launch, LaunchApp } from "../protocol.ts";
import { lambdaArn, lambdaDefaults, type LambdaPlace, lambdaVariables, taskFolder } from "./environment.ts";
import { RuntimeSession } from "./session.ts";

/** One for all functions of a process. */
export function runtimeApiProtocol(world: World, place: LambdaPlace): FunctionProtocol {
  return {
    name: "runtime-api",
    once: false,
    serial: false,
    attributesOutput: false,
    launch: (fn, app) => launch(fn, app, world, place),
    async open(fn, dial, _hooks, signal) {
      const session = new RuntimeSession({ dial, world, arn: lambdaArn(place, fn.name), concurrency: eventsOf(fn) });
      try {
        await untilAborted(session.ready, signal);
        return session;
      } catch (error) {
        session.close();
        throw error;
      }
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
  const start = { handler: handlerOf(source), kind, place, now: world.now(), id: world.newId() };
  return {
    env: {
      ...(kind === null ? {} : lambdaDefaults),
      ...app.config,
      ...fn.config,
      ...lambdaVariables(fn, start),
      // Clients that know it poll for as many events.
      ...(eventsOf(fn) > 1 ? { AWS_LAMBDA_MAX_CONCURRENCY: String(eventsOf(fn)) } : {}),
    },
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
