import { useState } from "preact/hooks";
import type { Fn } from "../api/types.ts";
import { duration, exactTime, percent } from "../format.ts";
import { OwnText } from "./own-text.tsx";

/** How the function is set up. Values of its environment are shown when asked for: they may be secrets. */
export function Settings({ fn }: { fn: Fn }) {
  const [open, setOpen] = useState(false);
  const config = Object.entries(fn.config);
  const pairs: readonly (readonly [name: string, value: string])[] = [
    ["Handler", fn.handler ?? fn.command?.join(" ") ?? "the kind's own"],
    ["Time limit", duration(fn.timeoutMs)],
    ["Kept when idle", fn.keepAlive === "learned" ? "as learned from its calls" : duration(fn.idleTimeoutMs)],
    ["Kept ready", fn.provisioned === 0 ? "none" : String(fn.provisioned)],
    ["Calls per sandbox", String(fn.concurrency)],
    ["Sandboxes at most", String(fn.sandboxesMax)],
    ["Isolation", fn.isolation],
    ["May connect to", egressWords(fn)],
    ["Calls go to", trafficWords(fn)],
    ["Changed", exactTime(fn.updatedAt)],
    ["Id", fn.id],
    ...Object.entries(fn.annotations).map(([name, value]) => [`Note: ${name}`, JSON.stringify(value)] as const),
  ];
  return (
    <section class="card" aria-labelledby="settings-title">
      <h2 id="settings-title">Settings</h2>
      <dl class="pairs">
        {pairs.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <OwnText text={value} />
            </dd>
          </div>
        ))}
      </dl>
      {config.length > 0 && (
        <>
          <h3>
            Environment{" "}
            <button type="button" class="plain" aria-pressed={open} onClick={() => setOpen(!open)}>
              {open ? "Hide values" : "Show values"}
            </button>
          </h3>
          <dl class="pairs">
            {config.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{open ? <OwnText text={value} /> : "••••••"}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  );
}

function trafficWords({ traffic = [] }: Fn): string {
  if (traffic.length === 0) return "the newest revision";
  const sum = traffic.reduce((total, { weight }) => total + weight, 0);
  return traffic.map(({ revision, weight }) => `revision ${revision} (${percent(weight, sum)})`).join(", ");
}

function egressWords({ egress }: Fn): string {
  if (egress === "namespace") return "what its namespace says";
  return typeof egress === "string" ? egress : egress.join(", ") || "nothing";
}
