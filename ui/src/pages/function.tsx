import { useState } from "preact/hooks";
import { ApiError, sentence } from "../api/client.ts";
import { getFunction } from "../api/resources.ts";
import type { Fn, Status } from "../api/types.ts";
import { FunctionCharts } from "../charts/function-charts.tsx";
import { ActivationList } from "../parts/activation-list.tsx";
import { CallForm } from "../parts/call-form.tsx";
import { Notice } from "../parts/notice.tsx";
import { Settings } from "../parts/settings.tsx";
import { StatusFilter } from "../parts/status-filter.tsx";
import { Tail } from "../parts/tail.tsx";
import { Title } from "../parts/title.tsx";
import { links } from "../router.ts";
import { useStats } from "../state/live.ts";
import { useCalm } from "../state/calm.ts";
import { usePolled } from "../state/polled.ts";

interface FunctionPageProps {
  readonly ns: string;
  readonly app: string | null;
  readonly name: string;
}

/** One function: its last minutes, its calls, its settings, and a form to call it. */
export function FunctionPage({ ns, app, name }: FunctionPageProps) {
  const found = usePolled((signal) => getFunction(ns, app, name, signal), 5000, ["function", ns, app, name]);
  const gone = found.error instanceof ApiError && found.error.status === 404;
  if (gone || (found.data === undefined && found.error !== undefined)) {
    const title = gone ? `There is no function ${name}` : "The function cannot be read";
    return <Notice kind="error" title={title} text={sentence(found.error)} link={[links.overview, "All functions"]} />;
  }
  return (
    <>
      <Title text={name}>
        {app !== null && <span class="quiet">{app}/</span>}
        {name}
      </Title>
      {found.data !== undefined && <Found ns={ns} fn={found.data} />}
    </>
  );
}

function Found({ ns, fn }: { ns: string; fn: Fn }) {
  const stats = useStats(ns, fn.id);
  const [status, setStatus] = useState<Status | "">("");
  const [calls, setCalls] = useState(0);
  // Many calls end at once on a busy function: one look at the figures is enough for all that end within a moment.
  const ended = useCalm(() => {
    stats.refresh();
    setCalls((before) => before + 1);
  }, 500);
  return (
    <>
      <p class="facts">
        <span>{fn.kind ?? fn.image ?? "sequence"}</span>
        <span>{fn.protocol}</span>
        <span>revision {fn.revision}</span>
        <span>{fn.memoryMiB} MiB</span>
      </p>
      {stats.data === undefined && stats.error !== undefined && <p class="problem">{sentence(stats.error)}</p>}
      {stats.data !== undefined && (
        <FunctionCharts stats={stats.data} fn={stats.data.items.find(({ functionId }) => functionId === fn.id)} />
      )}
      <div class="beside">
        <CallForm ns={ns} fn={fn} onCalled={ended} />
        <Settings fn={fn} />
      </div>
      <Tail ns={ns} functionId={fn.id} onEnded={ended} />
      <section aria-labelledby="calls">
        <h2 id="calls">Activations</h2>
        <p class="row">
          <StatusFilter value={status} onChange={setStatus} />
        </p>
        <ActivationList ns={ns} query={{ function: fn.id, ...(status === "" ? {} : { status }) }} ofOne={true} calls={calls} />
      </section>
    </>
  );
}
