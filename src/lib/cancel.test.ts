import assert from "node:assert/strict";
import { test } from "node:test";
import { abortSignalOf, Cancel } from "./cancel.ts";

test("all who listen hear once, with the first reason, and who left does not", () => {
  const cancel = new Cancel();
  const heard: string[] = [];
  const left = () => heard.push("left");
  const leftFirst = () => heard.push("left first");
  cancel.addEventListener("abort", leftFirst);
  cancel.addEventListener("abort", { handleEvent: () => heard.push(`object ${String(cancel.reason)}`) });
  cancel.addEventListener("abort", left);
  cancel.addEventListener("abort", () => heard.push("function"));
  cancel.removeEventListener("abort", left);
  cancel.removeEventListener("abort", leftFirst);
  assert.deepEqual([cancel.aborted, cancel.reason], [false, undefined]);
  cancel.abort("why");
  cancel.abort("again");
  cancel.addEventListener("abort", () => heard.push("too late"));
  assert.deepEqual(heard.toSorted(), ["function", "object why"]);
  assert.deepEqual([cancel.aborted, cancel.reason], [true, "why"]);
});

test("the platform's class hears of it, before and after", () => {
  const cancel = new Cancel();
  const signal = abortSignalOf(cancel);
  assert.equal(signal.aborted, false);
  cancel.abort("why");
  assert.equal(signal.reason, "why");
  assert.equal(abortSignalOf(cancel).reason, "why");
  const own = AbortSignal.abort("own");
  assert.equal(abortSignalOf(own), own);
});
