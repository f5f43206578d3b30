/** What both kits do, on the platform and in tests of functions: the behaviours of `test/functions/kit-node` and `kit-python`. */

export interface KitCase {
  readonly name: string;
  readonly event: Readonly<Record<string, unknown>> & { readonly act: string };
  readonly headers?: Readonly<Record<string, string>>;
  /** Through a route, at this path. */
  readonly target?: string;
  /** Deployed with a timeout of a second. */
  readonly hurried?: boolean;
  readonly status?: number;
  readonly result?: unknown;
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /** Lines as "stream text". */
  readonly logs?: readonly string[];
  /** The first of the lines of the log that matter here, where a stack follows that differs from language to language. */
  readonly logsBegin?: readonly string[];
  /** What the log holds somewhere. */
  readonly logsHold?: RegExp;
  readonly failure?: { readonly code: "function_failed" | "timeout"; readonly message: RegExp };
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

export const kitCases: readonly KitCase[] = [
  {
    name: "who runs, with which configuration, for which request",
    event: { act: "identity" },
    headers: { "X-A": "1" },
    result: { function: "acts", app: "kits", namespace: "guest", revision: 1, config: "hello", header: "1" },
  },
  {
    name: "id, deadline, what is left of the time",
    event: { act: "time" },
    result: { call: true, left: true, deadline: true, aborted: false },
  },
  { name: "no HTTP request behind a direct call", event: { act: "http" }, result: { http: null } },
  {
    name: "the HTTP request behind a route",
    event: { act: "http" },
    target: "/a?b=c",
    result: { http: ["POST", true, "/a?b=c"] },
  },
  {
    name: "where the call stands in a trace",
    event: { act: "trace" },
    headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: "a=b" },
    result: { traceId, tracestate: "a=b", sampled: true, whole: true },
  },
  {
    name: "status and headers",
    event: { act: "respond" },
    status: 201,
    result: { made: true },
    answerHeaders: { "x-made": "yes" },
  },
  {
    name: "an error that is the answer",
    event: { act: "missing", tea: "oolong" },
    status: 404,
    result: { code: "no_tea", message: "There is no such tea", details: { asked: "oolong" } },
    logs: [],
  },
  {
    name: "an error of ours that is the answer: its stack and its cause's are in the log",
    event: { act: "busy" },
    status: 503,
    result: { message: "Later" },
    answerHeaders: { "retry-after": "5" },
    logsHold: /FunctionError: Later[^]*the kettle is cold|the kettle is cold[^]*FunctionError: Later/,
  },
  {
    name: "any other error, with what caused it",
    event: { act: "broken" },
    failure: { code: "function_failed", message: /^no tea$/ },
    logsHold: /TypeError: no tea[^]*the kettle is cold|the kettle is cold[^]*TypeError: no tea/,
  },
  { name: "input that is valid", event: { act: "validated", name: " Ada " }, result: "<Ada>" },
  {
    name: "input that is not",
    event: { act: "validated" },
    status: 400,
    result: {
      code: "invalid",
      message: "The event is not valid: no name",
      details: { issues: [{ path: "", message: "no name" }] },
    },
  },
  { name: "a stream", event: { act: "stream" }, result: "ab" },
  {
    name: "a stream that fails before it begins",
    event: { act: "stream", fail: true },
    status: 409,
    result: { message: "Not now" },
  },
  {
    name: "log lines, none of which can forge another",
    event: { act: "log" },
    logs: [
      'stdout INFO ordered item="green tea" count=2 sort=x list=[1,{"a":null}]',
      "stderr WARN two\\nINFO lines ok=true",
      "stdout printed",
    ],
  },
  { name: "an error in the log", event: { act: "logError" }, logsBegin: ["stderr ERROR no luck"], logsHold: /Error: too hot/ },
  { name: "told before the deadline", event: { act: "patient" }, hurried: true, result: "told in time" },
  {
    name: "told before the deadline, in vain",
    event: { act: "stubborn" },
    hurried: true,
    failure: { code: "timeout", message: /^The function ran longer than its timeout of 1000 ms and was ended$/ },
  },
];
