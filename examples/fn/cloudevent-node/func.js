// One process for many calls: a CloudEvent a line on STDIN, an answering event for each on STDOUT.
const lines = require("node:readline").createInterface({ input: process.stdin });

lines.on("line", (line) => {
  const event = JSON.parse(line);
  console.error("call", event.eventID);
  const data = { message: `Hello ${event.data?.name ?? "World"}` };
  console.log(JSON.stringify({ cloudEventsVersion: "0.1", contentType: "application/json", data }));
});
