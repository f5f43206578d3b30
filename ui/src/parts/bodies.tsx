/** What went into a call and what came out of it, as far as anybody kept it. */
import { useState } from "preact/hooks";
import { sentence } from "../api/client.ts";
import { getDeadLetter, getResult, redrive } from "../api/resources.ts";
import type { Activation, DeadLetter, Payload } from "../api/types.ts";
import { bytes, exactTime } from "../format.ts";
import { links } from "../router.ts";
import { exchangeOf } from "../state/calls.ts";
import { usePolled } from "../state/polled.ts";
import { Block } from "./block.tsx";
import { OwnLines } from "./own-text.tsx";

interface BodiesProps {
  readonly ns: string;
  readonly activation: Activation;
}

export function Bodies({ ns, activation }: BodiesProps) {
  return (
    <section class="card" aria-labelledby="bodies">
      <h2 id="bodies">Input and output</h2>
      {exchangeOf(activation.id) !== undefined ? (
        <Remembered id={activation.id} />
      ) : activation.status === "dead_lettered" ? (
        <GivenUp ns={ns} id={activation.id} />
      ) : activation.status === "success" ? (
        <Answered ns={ns} id={activation.id} />
      ) : (
        <p class="quiet">Not kept. {ownCalls}</p>
      )}
    </section>
  );
}

const ownCalls = "Calls that were made with the form of this console show theirs until the page is loaded anew.";

/** A call of this page's own form. */
function Remembered({ id }: { id: string }) {
  const exchange = exchangeOf(id);
  if (exchange === undefined) return null;
  return (
    <div class="beside">
      <Block label="Input" text={exchange.requestBody} type={exchange.requestType} />
      <Block label={`Output, status ${exchange.status}`} text={exchange.answerBody} type={exchange.answerType} />
    </div>
  );
}

/** The server keeps answers that nobody waited for. */
function Answered({ ns, id }: { ns: string; id: string }) {
  const { data, error } = usePolled(async (signal) => ({ result: await getResult(ns, id, signal) }), 0, ["result", ns, id]);
  if (error !== undefined) return <p class="problem">{sentence(error)}</p>;
  if (data === undefined) return null;
  if (data.result === undefined)
    return <p class="quiet">Not kept: the caller waited for the answer, and of such calls only the sizes are kept. {ownCalls}</p>;
  return (
    <>
      <p class="quiet">The input of a call that succeeded is not kept.</p>
      <KeptBlock label={`Output, status ${data.result.status}`} payload={data.result} />
    </>
  );
}

/** The server keeps what a call was sent that was given up, so that it can be tried again. */
function GivenUp({ ns, id }: { ns: string; id: string }) {
  const { data, error } = usePolled(async (signal) => ({ letter: await getDeadLetter(ns, id, signal) }), 0, ["dead", ns, id]);
  if (error !== undefined) return <p class="problem">{sentence(error)}</p>;
  if (data === undefined) return null;
  if (data.letter === undefined) return <p class="quiet">Not kept any more: the dead letter was redriven or deleted.</p>;
  return (
    <>
      <KeptBlock label="Input" payload={data.letter.request} />
      <Failures letter={data.letter} />
      <Redrive ns={ns} id={id} />
    </>
  );
}

function KeptBlock({ label, payload }: { label: string; payload: Payload }) {
  const { contentType, encoding, body, truncated } = payload;
  const type = encoding === "base64" ? `${contentType ?? ""} in base64` : (contentType ?? "");
  return (
    <>
      <Block label={label} text={body} type={type} />
      {truncated && <p class="quiet">Only the beginning of {bytes(payload.bytes)} is shown.</p>}
    </>
  );
}

function Failures({ letter }: { letter: DeadLetter }) {
  return (
    <dl class="pairs">
      {letter.failures.map(({ attempt, at, code, message }) => (
        <div key={attempt}>
          <dt>Attempt {attempt}</dt>
          <dd>
            {exactTime(at)} <b>{code}</b> <OwnLines text={message} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Redrive({ ns, id }: { ns: string; id: string }) {
  const [told, setTold] = useState("");
  const again = () =>
    redrive(ns, id).then(
      (anew) => {
        location.hash = links.activation(anew);
      },
      (error: unknown) => setTold(sentence(error)),
    );
  return (
    <p class="row">
      <button type="button" onClick={again}>
        Try again
      </button>
      <span class="quiet">Accepts the call anew, as a new activation.</span>
      <span role="status">{told}</span>
    </p>
  );
}
