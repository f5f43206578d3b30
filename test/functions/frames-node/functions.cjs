// One function for each thing that the conformance suite of the frames asks of a runtime; `frames-python` and `frames-go` have the same.
const { pipeline } = require("node:stream/promises");

const streamed = (handler) => Object.assign(handler, { streamed: true });

exports.echo = (event) => event;
exports.relay = streamed(async function* (body) {
  for await (const piece of body) yield piece;
});
exports.relayWriter = streamed((body, context) => pipeline(body, context.writer()));
exports.relayPiped = streamed((body, context) => {
  body.pipe(context.writer());
});
exports.first = streamed(async function* (body) {
  yield "one";
  for await (const _ of body);
  yield "two";
});
exports.firstWriter = streamed(async (body, context) => {
  const writer = context.writer();
  writer.write("one");
  for await (const _ of body);
  writer.write("two");
});
exports.slow = streamed(async function* (body) {
  yield "x".repeat(1001);
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  yield String(bytes);
});
exports.slowWriter = streamed(async (body, context) => {
  const writer = context.writer();
  await new Promise((resolve) => writer.write("x".repeat(1001), resolve));
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  writer.end(String(bytes));
});
exports.endless = async function* () {
  for (;;) yield "x".repeat(100);
};
exports.large = () => Buffer.alloc(300_000, "y");
exports.early = streamed((body, context) => {
  context.status(202).header("x-early", "yes");
  return "early";
});
exports.enough = streamed(async (body) => {
  for await (const piece of body) return `enough ${piece.length}`;
  return "nothing";
});
exports.fails = () => {
  throw new TypeError("no");
};
exports.failsLater = async function* () {
  yield "one";
  throw new TypeError("later");
};
exports.refuses = () => {
  throw Object.assign(new Error("not here"), { name: "FunctionError", status: 404, code: "gone" });
};
exports.prints = () => {
  console.log("out");
  console.error("err");
  return "printed";
};
exports.facts = (event, context) => ({
  call: context.callId,
  deadline: context.deadline,
  method: context.http.method,
  url: context.http.url,
  target: context.http.target,
  header: context.headers["x-twice"],
});
