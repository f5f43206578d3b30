import { useEffect, useRef, useState } from "preact/hooks";
import { type CallAnswer, type CallRequest, callFunction, parseHeaders } from "../api/call.ts";
import { sentence } from "../api/client.ts";
import type { Fn } from "../api/types.ts";
import { duration } from "../format.ts";
import { keepExchange } from "../state/calls.ts";
import { CallOutcome } from "./call-outcome.tsx";

const types = [
  ["application/json", "JSON"],
  ["text/plain; charset=utf-8", "Text"],
  ["", "No body"],
] as const;

const first: CallRequest = { body: '{"name": "world"}', type: "application/json", headers: "", later: false };

type Progress =
  | { readonly state: "idle" | "calling" }
  | { readonly state: "failed"; readonly text: string }
  | { readonly state: "answered"; readonly answer: CallAnswer };

interface CallFormProps {
  readonly ns: string;
  readonly fn: Fn;
  /** A call is over. */
  readonly onCalled: () => void;
}

/** Calls the function with what is typed in, and shows what came of it. */
export function CallForm({ ns, fn, onCalled }: CallFormProps) {
  const [request, setRequest] = useState(first);
  const [progress, setProgress] = useState<Progress>({ state: "idle" });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const change = (part: Partial<CallRequest>) => setRequest((before) => ({ ...before, ...part }));
  const problem = problemOf(request);

  const call = async (event: Event) => {
    event.preventDefault();
    if (problem !== null || progress.state === "calling") return;
    const abort = new AbortController();
    running.current = abort;
    setProgress({ state: "calling" });
    try {
      const answer = await callFunction(ns, fn, request, abort.signal);
      remember(request, answer);
      setProgress({ state: "answered", answer });
    } catch (error) {
      setProgress(
        abort.signal.aborted
          ? { state: "failed", text: "Given up: the call was cancelled." }
          : { state: "failed", text: sentence(error) },
      );
    }
    onCalled();
  };

  return (
    <section class="card call" aria-labelledby="call-title">
      <h2 id="call-title">Call this function</h2>
      <form onSubmit={call} onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && call(event)}>
        <div class="row">
          <label>
            <span>Body</span>
            <select value={request.type} onChange={(event) => change({ type: event.currentTarget.value })}>
              {types.map(([type, words]) => (
                <option key={type} value={type}>
                  {words}
                </option>
              ))}
            </select>
          </label>
          <label class="tick" title="Answers at once; the call runs as soon as there is room">
            <input type="checkbox" checked={request.later} onChange={(event) => change({ later: event.currentTarget.checked })} />
            Don't wait for the answer
          </label>
        </div>
        {request.type !== "" && (
          <textarea
            aria-label="Request body"
            class="code"
            rows={5}
            spellcheck={false}
            value={request.body}
            onInput={(event) => change({ body: event.currentTarget.value })}
            aria-invalid={problem !== null}
          />
        )}
        <details>
          <summary>Headers</summary>
          <textarea
            aria-label="Request headers, one a line"
            class="code"
            rows={3}
            spellcheck={false}
            placeholder="X-Example: value"
            value={request.headers}
            onInput={(event) => change({ headers: event.currentTarget.value })}
          />
        </details>
        {problem !== null && (
          <p class="problem" role="status">
            {problem}
          </p>
        )}
        <div class="row">
          <button type="submit" disabled={problem !== null || progress.state === "calling"} title="Ctrl + Enter">
            {progress.state === "calling" ? "Calling…" : "Call"}
          </button>
          {progress.state === "calling" && (
            <button type="button" class="plain" onClick={() => running.current?.abort()}>
              Give up
            </button>
          )}
        </div>
      </form>
      <p role="status" class={progress.state === "failed" ? "problem" : "unseen"}>
        {told(progress)}
      </p>
      {progress.state === "answered" && <CallOutcome ns={ns} answer={progress.answer} />}
    </section>
  );
}

/** What is read out; of an answer only its beginning, the rest can be gone to. */
function told(progress: Progress): string {
  if (progress.state === "failed") return progress.text;
  if (progress.state !== "answered") return "";
  const { status, durationMs } = progress.answer;
  return `Answered ${status} in ${duration(durationMs)}`;
}

/** Why this can't be sent; null: it can. */
function problemOf({ type, body, headers }: CallRequest): string | null {
  try {
    // What the browser refuses is seen here, not at the click.
    void new Headers(parseHeaders(headers));
    if (type === "application/json") JSON.parse(body);
    return null;
  } catch (error) {
    return error instanceof SyntaxError ? `The body is not JSON: ${error.message}` : (error as Error).message;
  }
}

function remember(request: CallRequest, answer: CallAnswer): void {
  if (answer.activationId === null || answer.later) return;
  keepExchange(answer.activationId, {
    requestBody: request.type === "" ? "" : request.body,
    requestType: request.type,
    status: answer.status,
    answerBody: answer.body,
    answerType: answer.type,
  });
}
