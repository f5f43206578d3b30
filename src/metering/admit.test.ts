import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "./admit.ts";

const usual = { namespaceCallsMax: 2, namespaceCallsPerMinuteMax: 3, namespaceFiresPerMinuteMax: 1 };

function admission() {
  const clock = { ms: 5 };
  return { clock, admission: new Admission(usual, { monotonic: () => clock.ms }) };
}

const refused = (limit: string, count: number, max: number) => ({
  code: "throttled",
  details: expectedDetails(limit, count, max),
});

function expectedDetails(limit: string, count: number, max: number) {
  return limit === "namespaceCallsMax" ? { limit, count, max, retryAfterS: 1 } : { limit, count, max, retryAfterS: 60 };
}

test("calls on their way are limited for each namespace by itself, and room is room again", () => {
  const { admission: room } = admission();
  room.enter("guest");
  room.enter("guest");
  assert.throws(() => room.enter("guest"), refused("namespaceCallsMax", 3, 2));
  room.enter("other");
  room.leave("guest");
  assert.throws(() => room.enter("guest"), refused("namespaceCallsPerMinuteMax", 4, 3));
});

test("calls and events of a minute are counted apart, and a new minute begins with the first after the last one's end", () => {
  const { clock, admission: room } = admission();
  for (let i = 0; i < 3; i++) {
    room.enter("guest");
    room.leave("guest");
  }
  room.fire("guest");
  assert.throws(() => room.fire("guest"), refused("namespaceFiresPerMinuteMax", 2, 1));
  assert.throws(() => room.enter("guest"), refused("namespaceCallsPerMinuteMax", 4, 3));
  clock.ms += 59_999;
  assert.throws(() => room.enter("guest"), {
    details: { limit: "namespaceCallsPerMinuteMax", count: 5, max: 3, retryAfterS: 1 },
  });
  clock.ms += 1;
  room.enter("guest");
  room.fire("guest");
});

test("a namespace has what it was given, and of the rest what all have; zero is nothing", () => {
  const { admission: room } = admission();
  assert.deepEqual(room.limitsOf("guest"), { callsMax: 2, callsPerMinuteMax: 3, firesPerMinuteMax: 1 });
  room.limit("guest", { callsPerMinuteMax: 0 });
  assert.deepEqual(room.limitsOf("guest"), { callsMax: 2, callsPerMinuteMax: 0, firesPerMinuteMax: 1 });
  assert.throws(() => room.enter("guest"), refused("namespaceCallsPerMinuteMax", 1, 0));
  room.limit("guest", { callsMax: 0 });
  assert.throws(() => room.enter("guest"), refused("namespaceCallsMax", 1, 0));
  room.limit("guest", {});
  room.enter("guest");
});
