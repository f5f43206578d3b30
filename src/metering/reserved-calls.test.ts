import assert from "node:assert/strict";
import { test } from "node:test";
import { asPlatformError } from "../model/error.ts";
import { ReservedCalls, takesNone } from "./reserved-calls.ts";

const fn = { id: "f1", name: "busy", namespace: "guest" };

/** What a call is refused with. */
function refusal(calls: ReservedCalls): Readonly<Record<string, unknown>> {
  try {
    calls.enter(fn);
  } catch (error) {
    const { code, details } = asPlatformError(error);
    return { code, ...details };
  }
  return { code: "none" };
}

test("so many calls at once, and one more when one has ended", () => {
  const calls = new ReservedCalls();
  calls.set(fn, 2);
  const leave = calls.enter(fn);
  calls.enter(fn);
  assert.partialDeepStrictEqual(refusal(calls), { code: "throttled", limit: "functionCallsMax", max: 2 });
  leave?.();
  assert.equal(refusal(calls).code, "none");
  assert.equal(calls.enter({ id: "f2", name: "other" }), null, "others are not counted");
});

test("the number changes while calls run, and ends", () => {
  const calls = new ReservedCalls();
  assert.equal(calls.enter(fn), null, "before there is one");
  calls.set(fn, 1);
  const leave = calls.enter(fn);
  calls.set(fn, 2);
  assert.equal(refusal(calls).code, "none");
  assert.equal(refusal(calls).code, "throttled");
  calls.set(fn, null);
  assert.equal(calls.enter(fn), null);
  leave?.();
  calls.set(fn, 1);
  assert.equal(refusal(calls).code, "none", "nothing of before is left");
});

test("zero takes none, and that is told apart", () => {
  const calls = new ReservedCalls();
  calls.set(fn, 0);
  assert.throws(
    () => calls.enter(fn),
    (error) => takesNone(asPlatformError(error)),
  );
  calls.set({ id: "f2", namespace: "guest" }, 5);
  calls.set({ id: "f3", namespace: "other" }, 7);
  assert.deepEqual([calls.sumOf("guest"), calls.sumOf("other")], [5, 7]);
});
