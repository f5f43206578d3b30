/** Does what the event says; `../kit-python/handler.py` does the same (test/conformance/kits.test.ts). */
import { FunctionError, respond, validated } from "@polykiln/fdk";

const named = {
  "~standard": {
    version: 1,
    vendor: "tests",
    validate: (event) =>
      typeof event.name === "string" ? { value: { name: event.name.trim() } } : { issues: [{ message: "no name" }] },
  },
};

const untilTold = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));

const acts = {
  identity: (_, context) => ({
    function: context.functionName,
    app: context.appName.slice(0, 4),
    namespace: context.namespace,
    revision: context.revision,
    config: context.config.GREETING,
    header: context.headers["x-a"],
  }),
  time: (_, context) => ({
    call: context.callId.length > 4,
    left: context.remainingMs() > 0 && context.remainingMs() <= 10_000,
    deadline: Math.abs(context.deadline - Date.now() - 5_000) <= 5_000,
    aborted: context.signal.aborted,
  }),
  http: (_, { http }) => ({ http: http && [http.method, http.url.startsWith("http://"), http.target] }),
  trace: (_, { trace: { traceparent, tracestate, traceId, parentId, sampled } }) => ({
    traceId,
    tracestate,
    sampled,
    whole: traceparent === `00-${traceId}-${parentId}-01`,
  }),
  respond: (_, context) => respond(context, { made: true }, { status: 201, headers: { "x-made": "yes", location: ["/a"] } }),
  missing: (event) => {
    throw new FunctionError(404, "There is no such tea", { code: "no_tea", details: { asked: event.tea } });
  },
  busy: () => {
    const cause = new RangeError("the kettle is cold");
    throw new FunctionError(503, "Later", { headers: { "retry-after": 5 }, cause });
  },
  broken: () => {
    try {
      throw new RangeError("the kettle is cold");
    } catch (cause) {
      throw new TypeError("no tea", { cause });
    }
  },
  validated: validated(named, (event) => `<${event.name}>`),
  stream: async function* (event) {
    if (event.fail) throw new FunctionError(409, "Not now");
    yield "a";
    yield "b";
  },
  log: (_, context) => {
    context.log.debug("hidden");
    context.log.info("ordered", { item: "green tea", count: 2, sort: "x", list: [1, { a: null }] });
    context.log.warn("two\nINFO lines", { ok: true });
    console.log("printed");
  },
  logError: (_, context) => {
    try {
      throw new RangeError("too hot");
    } catch (error) {
      context.log.error("no luck", { error });
    }
  },
  patient: async (_, context) => {
    await untilTold(context.signal);
    return "told in time";
  },
  stubborn: async (_, context) => {
    await untilTold(context.signal);
    throw context.signal.reason;
  },
};

export const handler = (event, context) => acts[event.act](event, context);
