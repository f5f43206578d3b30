import { useEffect, useState } from "preact/hooks";
import { sentence } from "../api/client.ts";
import type { ActivationQuery } from "../api/resources.ts";
import { useNewest } from "../state/live.ts";
import { ActivationTable } from "./activation-table.tsx";
import { Notice } from "./notice.tsx";

const pageSize = 25;

interface ActivationListProps {
  readonly ns: string;
  readonly query: Pick<ActivationQuery, "function" | "status" | "from">;
  readonly ofOne?: boolean;
  /** Asks anew when it changes. */
  readonly calls?: number;
}

/** Records in pages, newest first. The first page follows what happens; older ones stand still but for what is added in front. */
export function ActivationList({ ns, query, ofOne = false, calls = 0 }: ActivationListProps) {
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const about = JSON.stringify([ns, query]);
  useEffect(() => setCursors([]), [about]);
  const cursor = cursors.at(-1);
  const page = useNewest(ns, { ...query, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) });
  useEffect(() => {
    if (calls > 0) page.refresh();
  }, [calls]);
  const next = page.data?.nextCursor ?? null;

  if (page.data === undefined)
    return page.error === undefined ? null : (
      <Notice kind="error" title="The activations cannot be read" text={sentence(page.error)} />
    );
  return (
    <>
      {page.data.items.length === 0 ? (
        <p class="quiet">{cursors.length > 0 ? "There is nothing older." : "No call matches. Calls appear here as they end."}</p>
      ) : (
        <ActivationTable label="Activations, newest first" items={page.data.items} ofOne={ofOne} />
      )}
      {(cursors.length > 0 || next !== null) && (
        <nav class="row" aria-label="Pages of activations">
          <button type="button" class="plain" disabled={cursors.length === 0} onClick={() => setCursors([])}>
            Newest
          </button>
          <button type="button" class="plain" disabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            class="plain"
            disabled={next === null}
            onClick={() => next !== null && setCursors([...cursors, next])}
          >
            Older
          </button>
          <span class="quiet">page {cursors.length + 1}</span>
        </nav>
      )}
    </>
  );
}
