// Takes requests with a ticket only, calls included, and tells functions whose it was. Shows root middleware.
// @ts-check

/** @type {import("polykiln/extensions").Extension} */
export default {
  name: "gate",
  version: 1,
  rootMiddleware(request, next) {
    if (request.path === "/healthz" || request.path === "/readyz") return void next();
    const ticket = request.header("x-ticket");
    if (ticket === undefined) return { status: 402, body: { message: "no ticket" } };
    next({ headers: { "X-Ticket": `${ticket}, checked` }, answerHeaders: { "X-Gate": "open" } });
  },
};
