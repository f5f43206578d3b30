// An Express server as its documentation shows it; nothing in it knows where it runs.
const express = require("express");

const app = express();

app.get("/", (_req, res) => res.send("Hello World!"));
app.post("/", express.text({ type: "*/*", limit: "50mb" }), (req, res) => res.json({ got: req.body.length ?? 0 }));
app.all("/echo", (req, res) => {
  res.status(207).set("X-Method", req.method).set("Set-Cookie", ["a=1", "b=2"]).set("Connection", "X-Hop").set("X-Hop", "1");
  res.set(
    "X-Seen",
    JSON.stringify({
      url: req.originalUrl,
      host: req.get("host"),
      custom: req.get("x-custom") ?? null,
      te: req.get("te") ?? null,
    }),
  );
  req.pipe(res);
});
let tick = () => {};
app.get("/ticks", (_req, res) => {
  let count = 0;
  tick = () => {
    res.write(`tick ${++count}\n`);
    if (count === 3) res.end();
  };
  tick();
});
// Has the answer above go on.
app.get("/tick", (_req, res) => {
  tick();
  res.status(204).end();
});
app.get("/empty", (_req, res) => res.status(204).end());
app.get("/cached", (_req, res) => res.status(304).set("ETag", '"1"').end());
app.get("/fail", (_req, res) => res.status(503).send("busy"));
app.get("/exit", () => process.exit(3));
app.get("/sleep", (req, res) => setTimeout(() => res.send("slept"), Number(req.query.ms)));

app.listen(process.env.PORT, process.env.HOST);
