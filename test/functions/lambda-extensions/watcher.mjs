#!/usr/bin/env node
// An extension for Node: prints the types of the events that it hears.
import { basename } from "node:path";

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension`;
const registered = await fetch(`${api}/register`, {
  method: "POST",
  headers: { "Lambda-Extension-Name": basename(process.argv[1]), "Lambda-Extension-Accept-Feature": "accountId" },
  body: JSON.stringify({ events: ["INVOKE", "SHUTDOWN"] }),
});
console.log("node registered", JSON.stringify(await registered.json()), Object.keys(process.env).includes("_HANDLER"));
const headers = { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") };
for (;;) {
  const event = await (await fetch(`${api}/event/next`, { headers })).json();
  console.log("node heard", event.eventType, event.requestId ?? event.shutdownReason);
  if (event.eventType === "SHUTDOWN") break;
}
