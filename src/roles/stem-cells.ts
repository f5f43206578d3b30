import type { ActionKinds } from "../api/openwhisk/kinds.ts";
import type { Config } from "../config/config.ts";
import { type StemCellRule, stemCellDefaults } from "../config/stem-cells.ts";
import type { Kinds } from "../image/image.ts";

/** Which sandboxes wait for code: what is set, else what the manifest of runtimes says of kinds that are ours. Throws `invalid` for a kind that is not there. */
export function stemCellsOf(
  { stemCells, runtimes }: Pick<Config, "stemCells" | "runtimes">,
  kinds: Kinds,
  actionKinds: Pick<ActionKinds, "list">,
): readonly StemCellRule[] {
  const isSaid = stemCells !== stemCellDefaults || runtimes.length === 0;
  if (isSaid) return stemCells.map((rule) => ({ ...rule, kind: kinds.resolve(rule.kind) }));
  const ours = new Map(actionKinds.list().flatMap(({ name, image, runs }) => (image === null ? [[name, runs] as const] : [])));
  return runtimes.flatMap(({ stemCells: rules }) =>
    rules.flatMap((rule) => {
      const kind = ours.get(rule.kind);
      return kind === undefined ? [] : [{ ...rule, kind }];
    }),
  );
}
