import assert from "node:assert/strict";
import { test } from "node:test";
import { signatureOf } from "./signature.cjs";

type Handler = (...args: never[]) => unknown;

/** "returns": nothing returned is the answer; "waits": a callback may follow; "calls": it surely does; "+": the context is callable. */
function check(handler: Handler, expected: string): void {
  test(`${expected}: ${String(handler).replaceAll(/\s+/g, " ").slice(0, 70)}`, () => {
    const { callable, waits, certain } = signatureOf(handler);
    assert.equal(`${certain ? "calls" : waits ? "waits" : "returns"}${callable ? "+" : ""}`, expected);
  });
}

/** Handlers as people write them, not as our formatter does. */
const handler = (text: string): Handler => new Function("helper", `return (${text})`)() as Handler;

check(handler("() => 1"), "returns");
check(handler("event => event.cb()"), "returns");
check(handler("async event => { helper(event) }"), "returns");
check(handler("(event, context) => { console.log(context.callId) }"), "returns");
check(handler("(event, context) => { console.log(context?.callId, context['deadline']) }"), "returns");
check(handler("(event, { callId }) => { console.log(callId) }"), "returns");
check(handler("(event, [a]) => { a() }"), "returns");
check(handler("(event, _) => {}"), "returns");
check(handler("(event, opts) => { helper(opts.name) }"), "returns");
check(handler("function (event, context) { helper(context) }"), "returns+");
check(handler("(event, ctx) => { log(ctx) }"), "returns+");
check(handler("(event, context) => { context(null, 1) }"), "calls+");
check(handler("(event, cb) => { cb(null) }"), "calls+");
check(handler("(event, cb) => { cb?.(null) }"), "calls+");
check(handler("(event, cb) => { cb.apply(null, []) }"), "calls+");
check(handler("(event, cb) => { helper(cb) }"), "waits+");
check(handler("(event, cb) => { helper(cb.bind(null, null)) }"), "waits+");
check(handler("function(e,t){setTimeout(t,1)}"), "waits+");
check(handler("(a /* (x, */, b = {}) => { b }"), "waits+");
check(handler("(a = ',)', $cb) => { $cb() }"), "calls+");
check(handler("({ a, b }, next) => { next() }"), "calls+");
check(handler("(...args) => helper(...args)"), "waits+");
check(handler("(event, ...rest) => helper(...rest)"), "waits+");
check(handler("function () { return helper.apply(this, arguments) }"), "waits+");
check(handler("function (event) { return helper.apply(this, arguments) }"), "waits+");
check(handler("(event, context, callback) => {}"), "calls");
check(handler("function getCatName(event, context, callback) { callback(null, context) }"), "calls+");
check(handler("(function (event, cb) {}).bind(null)"), "waits+");
check(handler("{ async handler(event, context) { return context.callId } }.handler"), "returns");
check(handler("{ handler(event, done) { done() } }.handler"), "calls+");
