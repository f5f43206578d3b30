import type { ComponentChildren } from "preact";

/** A column's head. */
export interface Column {
  readonly head: string;
  /** How its cells are set (`parts.css`); `wide`: only where there is room. */
  readonly set?: "wide" | "mid" | "figure" | "figure wide";
  /** What is in it speaks for itself to those who see it. */
  readonly unseen?: boolean;
}

interface TableProps {
  /** Says what the rows are; not seen. */
  readonly label: string;
  readonly name: string;
  readonly columns: readonly Column[];
  /** Its rows. */
  readonly children: ComponentChildren;
}

/** A table of things, one in each row; it scrolls sideways where it has to. */
export function Table({ label, name, columns, children }: TableProps) {
  return (
    <div class="scroll">
      <table class={`rows ${name}`}>
        <caption class="unseen">{label}</caption>
        <thead>
          <tr>
            {columns.map(({ head, set, unseen = false }) => (
              <th key={head} scope="col" class={set}>
                {unseen ? <span class="unseen">{head}</span> : head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
