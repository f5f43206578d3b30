/**
 * The thread a database lives on. Whatever has arrived while a commit was under way is taken together: reads that came before
 * the first write are answered at once, then all writes share one commit, then the rest is read.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Connection } from "./connection.ts";
import { toFailure } from "./failures.ts";
import type { Answer, OpenOptions, ReadRequest, Report, Request, WriteRequest } from "./messages.ts";

/** Bounds how long a group's transaction gets, and so how long its first write waits. */
const groupWritesMax = 1000;

if (parentPort !== null) serve(parentPort, workerData as OpenOptions);

function serve(port: NonNullable<typeof parentPort>, options: OpenOptions): void {
  const tell = (report: Report) => port.postMessage(report);
  let connection: Connection;
  try {
    connection = new Connection(options);
  } catch (error) {
    tell({ type: "refused", failure: toFailure(error) });
    port.close();
    return;
  }
  port.on("message", (first: readonly Request[]) => {
    const requests = drain(port, first);
    const answers = serveGroup(connection, requests);
    if (answers.length > 0) tell({ type: "answers", answers, counts: connection.counts });
    if (!requests.some((request) => request.type === "close")) return;
    connection.close();
    tell({ type: "closed" });
    port.close();
  });
  tell({ type: "opened" });
}

/** Everything that is waiting, up to one group's worth; what came in one message stays together. */
function drain(port: NonNullable<typeof parentPort>, first: readonly Request[]): Request[] {
  const requests = [...first];
  while (requests.length < groupWritesMax) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) break;
    requests.push(...(next.message as readonly Request[]));
  }
  return requests;
}

function serveGroup(connection: Connection, requests: readonly Request[]): Answer[] {
  const writes = requests.filter((request): request is WriteRequest => request.type === "write");
  const firstWrite = requests.findIndex((request) => request.type === "write");
  const before = firstWrite === -1 ? requests : requests.slice(0, firstWrite);
  const after = firstWrite === -1 ? [] : requests.slice(firstWrite);
  return [
    ...before.filter(isRead).map((request) => connection.read(request)),
    ...(writes.length > 0 ? connection.commit(writes) : []),
    ...after.filter(isRead).map((request) => connection.read(request)),
  ];
}

function isRead(request: Request): request is ReadRequest {
  return request.type === "read";
}
