/** What becomes of calls that do not end in a result. Everything else is in test/product/openwhisk-web.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, ask } from "../../../../test/http-harness.ts";
import { sampleFn } from "../../../../test/samples.ts";
import { setWorld } from "../../../../test/set-world.ts";
import type { InvokeCaller, Invoker, InvokeRequest, InvokeResult } from "../../../invocation/invocation.ts";
import { PlatformError } from "../../../model/error.ts";
import type { WskContext } from "../openwhisk.ts";
import { webHandler } from "./web.ts";

const world = setWorld();
const fn = sampleFn({ annotations: { "web-export": "true" } });

/** A platform on which each call becomes what `begin` makes of it. */
function asked(
  begin: (caller: InvokeCaller, request: InvokeRequest) => void,
  found = async () => ({ fn, app: null, route: null }),
): Promise<Answer> {
  const invoker: Pick<Invoker, "begin"> = { begin: (request, _signal, caller) => begin(caller, request) };
  const context = { world, invoker, definition: found, kinds: { checkInUse() {} } } as unknown as WskContext;
  return ask(webHandler(context, ""), { target: "/api/v1/web/guest/default/a?x=1" });
}

function refusal(
  code: "overloaded" | "throttled" | "internal" | "forbidden",
  details: Record<string, unknown> = {},
): InvokeResult {
  return { ok: false, activationId: null, fn: null, recorded: null, error: new PlatformError(code, "No", { details }) };
}

function check({ status, body, header }: Answer, expected: readonly [number, string]): void {
  const { error, code } = JSON.parse(body) as { error: string; code: string };
  assert.deepEqual([status, error], expected);
  assert.equal(code, header("x-request-id"));
  assert.equal(header("access-control-allow-origin"), "*");
}

test("a call that outlasts its wait goes on, and its id is told", async () => {
  const id = world.newId();
  let kept = "";
  const answer = await asked((caller, request) => {
    caller.entered?.({
      id,
      async handOver(body) {
        kept = body.toString();
        return true;
      },
    });
    assert.deepEqual(request.caller.namespaces, ["guest"]);
    world.pass(59_999);
    assert.equal(kept, "");
    world.pass(1);
  });
  check(answer, [202, "Response not yet ready."]);
  assert.match(answer.header("x-openwhisk-activation-id") ?? "", /^[0-9a-f]{32}$/);
  assert.match(kept, /"x":"1"}$/);
});

const told = (result: InvokeResult) => asked((caller) => caller.told(result));

test("a call that does not run says what there was no room for", async () => {
  const overloaded = await told(refusal("overloaded", { limit: "memory" }));
  check(overloaded, [503, "System is overloaded, try again later."]);
  assert.equal(overloaded.header("kiln-limit"), "memory");
  const throttled = await told(refusal("throttled", { limit: "namespaceCallsPerMinuteMax", count: 61, max: 60, retryAfterS: 7 }));
  check(throttled, [429, "Too many requests in the last minute (count: 61, allowed: 60)."]);
  assert.equal(throttled.header("retry-after"), "7");
});

const failing = (code: "forbidden" | "internal") =>
  asked(
    () => {},
    () => Promise.reject(new PlatformError(code, "secret")),
  );

test("why there is nothing to call is told only where that is our fault", async () => {
  check(await failing("forbidden"), [404, "The requested resource does not exist."]);
  check(await failing("internal"), [500, "There was an internal server error."]);
});
