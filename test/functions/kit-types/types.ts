/** Compiled, never run: what the kit's types promise. A line that should not compile says so. */
import { pipeline } from "node:stream/promises";
import {
  type CallbackHandler,
  type Context,
  FunctionError,
  type Handler,
  respond,
  type Schema,
  streamed,
  validated,
} from "@polykiln/fdk";
import { Clock, invoke } from "@polykiln/fdk/testing";

export const plain: Handler<{ name: string }, { message: string }> = (event, context) => {
  context.status(201).header("x-a", 1).header("x-b", ["1", 2]);
  context.log.info("said", { name: event.name });
  context.log.error("failed", new Error("no"));
  return {
    message: `${event.name} ${context.callId} ${context.remainingMs()} ${context.http?.target ?? context.trace?.traceId}`,
  };
};

export const asynchronous: Handler<unknown, number> = async (_, { signal, deadline }) => (signal.aborted ? 0 : deadline);

export const streaming: Handler<number, AsyncGenerator<string>> = async function* (count) {
  for (let i = 0; i < count; i++) yield `${i}\n`;
};

export const compressing: Handler<unknown, void> = streamed((body, context) => pipeline(body, context.writer()));

export const callingBack: CallbackHandler<string, number> = (event, _, callback) => callback(null, event.length);

// @ts-expect-error: the answer is no number.
export const wrongAnswer: Handler<string, number> = (event) => event;

export function readOnly(context: Context): void {
  // @ts-expect-error: nobody changes the id of a call.
  context.callId = "other";
}

declare const schema: Schema<{ count: number }>;

export const checked: Handler<unknown, number> = validated(schema, (event) => event.count);

export const failing: Handler = (_, context) => {
  if (context.revision > 1) throw new FunctionError(404, "gone", { code: "gone", details: [1], cause: "x" });
  return respond(context, { made: true }, { status: 201, headers: { "x-a": ["1"] } });
};

export async function tested(): Promise<string | undefined> {
  const clock = new Clock();
  // @ts-expect-error: the event has no name.
  await invoke(plain, {});
  const { result, logs, error, status } = await invoke(plain, { name: "Ada" }, { clock, deadlineMs: 5 });
  return `${result?.message} ${logs[0]?.text} ${error?.stack} ${status}`;
}
