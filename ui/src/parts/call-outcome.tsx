import { useEffect, useState } from "preact/hooks";
import type { CallAnswer } from "../api/call.ts";
import { getActivation, getLogs } from "../api/resources.ts";
import { bytes, duration } from "../format.ts";
import { links } from "../router.ts";
import { usePolled } from "../state/polled.ts";
import { Block } from "./block.tsx";
import { LogView } from "./log-view.tsx";
import { StartMark, StatusMark } from "./marks.tsx";
import { Timeline } from "./timeline.tsx";

/** What came of a call: the answer, and what the platform noted of it. */
export function CallOutcome({ ns, answer }: { ns: string; answer: CallAnswer }) {
  const { status, activationId, body, type, headers } = answer;
  return (
    <div class="outcome">
      <p class="row">
        <span class={`mark ${status < 400 ? "good" : "bad"}`}>{status}</span>
        <span>{duration(answer.durationMs)}</span>
        <span class="quiet">{bytes(new Blob([body]).size)}</span>
        {activationId !== null && (
          <a href={links.activation(activationId)} class="id">
            {activationId}
          </a>
        )}
      </p>
      <Block label="Answer" text={body} type={type} />
      <details>
        <summary>{headers.length} headers of the answer</summary>
        <dl class="pairs">
          {headers.map(([name, value], index) => (
            <div key={index}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </details>
      {activationId !== null && <Noted ns={ns} id={activationId} later={answer.later} />}
    </div>
  );
}

/** A record is there when its call is over; lines may follow it by moments. */
function Noted({ ns, id, later }: { ns: string; id: string; later: boolean }) {
  const [ended, setEnded] = useState(false);
  const record = usePolled((signal) => getActivation(ns, id, signal), ended ? 0 : 1000, ["record", ns, id]);
  const logs = usePolled((signal) => getLogs(ns, id, signal), ended ? 0 : 1000, ["logs", ns, id]);
  const over = typeof record.data?.endedAt === "string";
  useEffect(() => {
    if (!over) return;
    const timer = setTimeout(() => setEnded(true), trailingMs);
    return () => clearTimeout(timer);
  }, [over]);
  if (record.data === undefined) return later ? <p class="quiet">Accepted.</p> : null;
  return (
    <>
      <p class="row">
        <StatusMark status={record.data.status} /> <StartMark start={record.data.start} />
      </p>
      {over ? <Timeline activation={record.data} /> : <p class="quiet">It is not over yet.</p>}
      {logs.data !== undefined && logs.data.length > 0 && <LogView lines={logs.data} label="What the call printed" />}
    </>
  );
}

/** So long after a call's end its last lines may still arrive. */
const trailingMs = 3000;
