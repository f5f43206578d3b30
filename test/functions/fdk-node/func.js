// What Fn's documentation shows for Node, with an input for each way a function can behave.
const fdk = require("@fnproject/fdk");

console.log("loaded");

fdk.handle(async function (input, context) {
  const ask = input && typeof input === "object" ? input : {};
  if (ask.print) {
    console.log(ask.print);
    console.error(`error ${ask.print}`);
  }
  if (ask.throw) throw new Error(ask.throw);
  if (ask.sleepMs) await new Promise((resolve) => setTimeout(resolve, ask.sleepMs));
  if (ask.env) return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("FN_")));
  if (ask.exit !== undefined) process.exit(ask.exit);
  if (ask.raw) {
    context.responseContentType = "text/plain";
    return fdk.rawResult("x".repeat(ask.raw));
  }
  if (context.getHeader("Fn-Intent") === "httprequest") return throughRoute(context, ask);
  return {
    message: `Hello ${ask.name ?? "World"}`,
    callId: context.callID,
    deadline: context.deadline,
    config: process.env.GREETING,
    app: process.env.FN_APP_NAME,
    trace: context.getHeader("X-Trace"),
  };
});

function throughRoute(context, ask) {
  const http = context.httpGateway;
  http.statusCode = 201;
  http.setResponseHeader("Location", "/made");
  http.setResponseHeader("Set-Cookie", "a=1", "b=2");
  return { method: http.method, url: http.requestURL, custom: http.headers["X-Custom"], ask };
}
