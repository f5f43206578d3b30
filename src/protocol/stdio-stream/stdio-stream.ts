/**
 * Fn's older hot formats: one program that reads call after call from STDIN and answers each on STDOUT, one at a time, and logs on
 * STDERR. Three ways to write a call and its answer: `http` (http.ts), `json` and `cloudevent` (objects.ts).
 *
 * Promises: bytes that no call asked for, and whatever is no answer, end the program and never reach the next call's caller; a call
 * is given to one program once. Deliberately absent: readiness (such programs do not tell, so a start is the process itself).
 */
import type { Duplex } from "node:stream";
import type { Fn } from "../../model/model.ts";
import type { FunctionProtocol, Session, SessionHooks } from "../protocol.ts";
import { functionEnvironment, type StdioFormat } from "../stdio/environment.ts";
import { cloudEventExchange } from "./cloud-event.ts";
import { HttpFormatSession } from "./http.ts";
import { jsonExchange } from "./json.ts";
import { ObjectSession } from "./objects.ts";

/** HTTP/1.1 requests and answers. */
export const stdioHttpProtocol = (): FunctionProtocol =>
  streamProtocol("stdio-http", "http", (stream, _fn, hooks) => new HttpFormatSession(stream, hooks));

/** JSON objects that hold the body as a string. */
export const stdioJsonProtocol = (): FunctionProtocol =>
  streamProtocol("stdio-json", "json", (stream, fn, hooks) => new ObjectSession(stream, jsonExchange, fn, hooks));

/** CloudEvents 0.1 with the body in `data`. */
export const stdioCloudEventProtocol = (): FunctionProtocol =>
  streamProtocol(
    "stdio-cloudevent",
    "cloudevent",
    (stream, fn, hooks) => new ObjectSession(stream, cloudEventExchange, fn, hooks),
  );

type OpenSession = (stream: Duplex, fn: Fn, hooks: SessionHooks) => Session;

function streamProtocol(name: Fn["protocol"], format: StdioFormat, openSession: OpenSession): FunctionProtocol {
  return {
    name,
    once: false,
    serial: true,
    attributesOutput: false,
    launch: (fn, app) => ({ env: functionEnvironment(fn, app, format), endpoint: { via: "stdio" }, shim: false }),
    open: async (fn, dial, hooks, signal) => openSession(await dial(signal), fn, hooks),
  };
}
