import { useState } from "preact/hooks";
import { ApiError, sentence } from "../api/client.ts";
import { cancelActivation, getActivation, getLogs } from "../api/resources.ts";
import type { Activation } from "../api/types.ts";
import { bytes, exactTime } from "../format.ts";
import { Bodies } from "../parts/bodies.tsx";
import { LogView } from "../parts/log-view.tsx";
import { StartMark, StatusMark, startMeaning } from "../parts/marks.tsx";
import { Notice } from "../parts/notice.tsx";
import { OwnLines } from "../parts/own-text.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { Title } from "../parts/title.tsx";
import { links } from "../router.ts";
import { useFunctions } from "../state/live.ts";
import { usePolled } from "../state/polled.ts";

/** One call: what became of it, where its time went, what went in and out, what it printed. */
export function ActivationPage({ ns, id }: { ns: string; id: string }) {
  const [over, setOver] = useState(false);
  const found = usePolled(
    async (signal) => {
      const activation = await getActivation(ns, id, signal);
      setOver(activation.endedAt !== null);
      return activation;
    },
    over ? 0 : 1000,
    ["activation", ns, id],
  );
  if (found.data === undefined) {
    if (found.error === undefined) return null;
    const gone = found.error instanceof ApiError && found.error.status === 404;
    return (
      <Notice
        kind="error"
        title={gone ? "There is no such activation" : "The activation cannot be read"}
        text={sentence(found.error)}
        link={[links.activations, "All activations"]}
      />
    );
  }
  const activation = found.data;
  return (
    <>
      <Title text={`Activation ${activation.id}`}>
        <span class="id">{activation.id}</span>
      </Title>
      <Facts ns={ns} activation={activation} />
      {activation.endedAt === null && <Cancel ns={ns} id={activation.id} onCancelled={found.refresh} />}
      {activation.error !== null && <Failure error={activation.error} />}
      <Time activation={activation} />
      {activation.endedAt !== null && <Bodies ns={ns} activation={activation} />}
      <Printed ns={ns} activation={activation} />
    </>
  );
}

function Facts({ ns, activation }: { ns: string; activation: Activation }) {
  const { status, start, attempt, revision, endedAt } = activation;
  return (
    <p class="facts">
      <StatusMark status={status} />
      <FunctionLink ns={ns} activation={activation} />
      <span>revision {revision}</span>
      <span>attempt {attempt}</span>
      {endedAt !== null && (
        <span>
          <StartMark start={start} /> – {startMeaning(start)}
        </span>
      )}
    </p>
  );
}

/** Records carry the function's id and its name at that time; where it is now has to be found. */
function FunctionLink({ ns, activation }: { ns: string; activation: Activation }) {
  const fn = useFunctions(ns).data?.find(({ id }) => id === activation.functionId);
  if (fn === undefined) return <span>{activation.function}</span>;
  return (
    <a href={links.fn(fn.app, fn.name)}>
      {fn.app !== null && `${fn.app}/`}
      {fn.name}
    </a>
  );
}

function Cancel({ ns, id, onCancelled }: { ns: string; id: string; onCancelled: () => void }) {
  const [told, setTold] = useState("");
  const cancel = () =>
    cancelActivation(ns, id).then(onCancelled, (error: unknown) => {
      setTold(sentence(error));
      onCancelled();
    });
  return (
    <p class="row">
      <button type="button" onClick={cancel}>
        Cancel this call
      </button>
      <span role="status">{told}</span>
    </p>
  );
}

function Failure({ error }: { error: NonNullable<Activation["error"]> }) {
  return (
    <section class="notice error" aria-label="Error">
      <h2>{error.code}</h2>
      <p class="said">
        <OwnLines text={error.message} />
      </p>
    </section>
  );
}

function Time({ activation }: { activation: Activation }) {
  const { startedAt, endedAt, billedUnits, requestBytes, responseBytes } = activation;
  return (
    <section class="card" aria-labelledby="time">
      <h2 id="time">Time</h2>
      {endedAt !== null && <Timeline activation={activation} />}
      <dl class="pairs across">
        <Pair name="Began" value={exactTime(startedAt)} />
        {endedAt !== null && (
          <>
            <Pair name="Ended" value={exactTime(endedAt)} />
            <Pair name="Billed" value={`${billedUnits} × 100 ms`} />
            <Pair name="Request" value={bytes(requestBytes)} />
            <Pair name="Answer" value={bytes(responseBytes)} />
          </>
        )}
      </dl>
    </section>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Printed({ ns, activation }: { ns: string; activation: Activation }) {
  const logs = usePolled((signal) => getLogs(ns, activation.id, signal), 3000, ["logs", ns, activation.id]);
  return (
    <section class="card" aria-labelledby="log">
      <h2 id="log">Log</h2>
      {logs.data === undefined && logs.error !== undefined && <p class="problem">{sentence(logs.error)}</p>}
      {logs.data?.length === 0 && <p class="quiet">The call printed nothing.</p>}
      {logs.data !== undefined && logs.data.length > 0 && <LogView lines={logs.data} label="What the call printed" />}
    </section>
  );
}
