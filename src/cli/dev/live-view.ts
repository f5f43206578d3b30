import type { ActivationAnswer } from "../answers.ts";
import { tail } from "../log-tail.ts";
import { shownLine } from "../logs.ts";
import { clock, shownMs } from "../output.ts";
import type { Session } from "../session.ts";
import type { DevHost } from "./host.ts";

/** Shows each line that functions print and each call when it is over, until `signal` aborts. */
export async function watchCalls(session: Session, { client, namespace }: DevHost, signal: AbortSignal): Promise<void> {
  const { out, paint } = session;
  const asText = out.format === "table";
  const home = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}`;
  const listener = {
    line: (line: Parameters<typeof shownLine>[1]) => {
      if (asText) session.say(shownLine(paint, line));
      else out.event({ event: "log", ...line }, "");
    },
    call: (call: ActivationAnswer) => {
      if (asText) session.say(shownCall(session, call));
      else out.event({ event: "call", ...call }, "");
    },
    lost: (count: number) => session.say(paint("yellow", `${count} lines came too fast and are left out`)),
  };
  await tail({ client, home }, {}, listener, signal).catch((error: unknown) => {
    if (!signal.aborted) session.say(paint("yellow", `The live view has ended: ${(error as Error).message}`));
  });
}

/** One line: when, which function, how it ended, which start, how long. */
function shownCall({ paint }: Session, call: ActivationAnswer): string {
  const ok = call.status === "success";
  const totalMs = call.waitMs + call.createMs + call.initMs + call.runMs;
  const state = paint(ok ? "green" : "red", ok ? "ok" : call.status);
  const start = paint(call.start === "hot" ? "cyan" : "yellow", call.start);
  const problem = call.error === null ? "" : `\n  ${paint("red", call.error.message)}`;
  return `${paint("dim", `${clock(call.startedAt)} ${call.function} ${call.id.slice(-6)}`)} ${state} ${start} ${shownMs(totalMs)}${problem}`;
}
