/** Calls whose answers are sent on as they come: `POST /2021-11-15/functions/{name}/response-streaming-invocations`. */
import type { Handler } from "../../http/http.ts";
import type { InvokeResult } from "../../invocation/invocation.ts";
import type { BodySink, BodySource } from "../../lib/body.ts";
import type { PlatformError } from "../../model/error.ts";
import { idToUuid } from "../../model/id.ts";
import type { Activation } from "../../model/model.ts";
import type { CallHead } from "./call-head.ts";
import { invalidParameter, status } from "./errors.ts";
import { eventFrame } from "./event-frames.ts";
import { recordedError } from "./invoke.ts";
import type { LambdaContext } from "./lambda.ts";
import { logTail } from "./log-tail.ts";
import { failed } from "./outcome.ts";
import { streamPath } from "./paths.ts";
import { SignedCall } from "./signed-call.ts";
import { WholeFlow } from "./url/whole-flow.ts";

/** See `lambdaStream`. */
export function streamHandler(context: LambdaContext): Handler {
  return (request, response) => {
    const [, segment = ""] = streamPath.exec(request.path) ?? [];
    new StreamedInvoke(context, request, response, segment).begin();
  };
}

class StreamedInvoke extends SignedCall {
  #tail = false;

  protected override go({ type, tail }: CallHead): void {
    this.#tail = tail;
    if (type === "RequestResponse") return this.run();
    if (type === "Event") throw invalidParameter("InvocationType Event is not supported for calls whose answer is streamed");
    this.definition()
      .then(() => this.response.send(status.nothing, ["x-amzn-RequestId", idToUuid(this.context.world.newId())], ""))
      .catch((error: unknown) => this.refuse(error));
  }

  protected override ended(result: InvokeResult): void {
    if (result.ok)
      return this.#stream(result, new FramedBody(new WholeFlow(result.body), (broken) => this.#ending(result, broken)));
    const { error, fn, activationId } = result;
    if (failed(error, fn, activationId) === null) return this.refuse(error, activationId);
    this.#stream(result, new FramedBody(nothing, () => this.#ending(result, true)));
  }

  #stream({ activationId }: InvokeResult, body: BodySource): void {
    const id = idToUuid(activationId ?? this.context.world.newId());
    const headers = [
      "Content-Type",
      "application/vnd.amazon.eventstream",
      "x-amzn-RequestId",
      id,
      "X-Amz-Executed-Version",
      this.version,
    ];
    this.response.stream(status.ok, headers, body, ignoreEnd);
  }

  /** What is said at the end: why it failed, and what it printed. */
  async #ending(result: InvokeResult, broken: boolean): Promise<Buffer> {
    const { recorded, fn, activationId } = result;
    const record = recorded === null ? null : await recorded;
    const said = broken ? saidOf(result, record) : null;
    const outcome = said === null ? null : failed(said, fn, activationId);
    const { errorType = "Unhandled" } =
      outcome === null ? {} : (JSON.parse(outcome.payload.toString()) as { errorType?: string });
    const tail = this.#tail && record !== null ? await logTail(this.context, record, this.version, fn?.memoryMiB ?? 0) : null;
    const complete = {
      ...(outcome === null ? {} : { ErrorCode: errorType, ErrorDetails: outcome.payload.toString() }),
      ...(tail === null ? {} : { LogResult: tail }),
    };
    return event("InvokeComplete", "application/json", Buffer.from(JSON.stringify(complete)));
  }
}

function saidOf(result: InvokeResult, record: Activation | null): PlatformError | null {
  if (!result.ok) return result.error;
  return record === null ? null : recordedError(record);
}

function event(type: string, contentType: string, payload: Buffer): Buffer {
  return eventFrame({ ":message-type": "event", ":event-type": type, ":content-type": contentType }, payload);
}

const nothing: BodySource = {
  bytes: 0,
  pipe: (sink) => sink.end(),
  resume() {},
  cancel() {},
};

/** A body whose pieces are events, with one more when it is over, also when it broke off. */
class FramedBody implements BodySource {
  readonly bytes = undefined;
  readonly #body: BodySource;
  readonly #ending: (broken: boolean) => Promise<Buffer>;
  #live = true;

  constructor(body: BodySource, ending: (broken: boolean) => Promise<Buffer>) {
    this.#body = body;
    this.#ending = ending;
  }

  pipe(sink: BodySink): void {
    const end = (broken: boolean) => {
      this.#ending(broken)
        .then((frame) => {
          if (!this.#live) return;
          sink.chunk(frame);
          sink.end();
        })
        .catch((error: unknown) => sink.fail(error as Error));
    };
    this.#body.pipe({
      chunk: (data) => sink.chunk(event("PayloadChunk", "application/octet-stream", data)),
      end: () => end(false),
      fail: () => end(true),
    });
  }

  resume(): void {
    this.#body.resume();
  }

  cancel(): void {
    this.#live = false;
    this.#body.cancel();
  }
}

/** Whoever goes away does without the rest. */
function ignoreEnd(): void {}
