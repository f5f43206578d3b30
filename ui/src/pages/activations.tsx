import { useState } from "preact/hooks";
import type { Status } from "../api/types.ts";
import { ActivationList } from "../parts/activation-list.tsx";
import { StatusFilter } from "../parts/status-filter.tsx";
import { Title } from "../parts/title.tsx";
import { links } from "../router.ts";
import { useFunctions } from "../state/live.ts";

/** Records of all calls of a namespace. */
export function ActivationsPage({ ns }: { ns: string }) {
  const functions = useFunctions(ns);
  const [status, setStatus] = useState<Status | "">("");
  const [fn, setFn] = useState("");
  return (
    <>
      <Title text="Activations" />
      <div class="row filters">
        <label>
          <span>Function</span>
          <select value={fn} onChange={(event) => setFn(event.currentTarget.value)}>
            <option value="">any</option>
            {functions.data?.map(({ id, app, name }) => (
              <option key={id} value={id}>
                {app === null ? name : `${app}/${name}`}
              </option>
            ))}
          </select>
        </label>
        <StatusFilter value={status} onChange={setStatus} />
        <form class="row" onSubmit={openOne}>
          <label>
            <span>Id</span>
            <input name="id" size={28} spellcheck={false} autocomplete="off" placeholder="of an activation" />
          </label>
          <button type="submit" class="plain">
            Open
          </button>
        </form>
      </div>
      <ActivationList ns={ns} query={{ ...(fn === "" ? {} : { function: fn }), ...(status === "" ? {} : { status }) }} />
    </>
  );
}

function openOne(event: SubmitEvent): void {
  event.preventDefault();
  const id = String(new FormData(event.currentTarget as HTMLFormElement).get("id")).trim();
  if (id !== "") location.hash = links.activation(id);
}
