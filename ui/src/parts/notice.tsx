import type { ComponentChildren } from "preact";

interface NoticeProps {
  readonly kind: "error" | "empty";
  readonly title: string;
  readonly text?: string;
  /** Address and words of a way out. */
  readonly link?: readonly [href: string, words: string];
  readonly children?: ComponentChildren;
}

/** Says why there is nothing here, and what to do. */
export function Notice({ kind, title, text, link, children }: NoticeProps) {
  return (
    <section class={`notice ${kind}`} role={kind === "error" ? "alert" : undefined}>
      <h2>{title}</h2>
      {text !== undefined && <p>{text}</p>}
      {children}
      {link !== undefined && (
        <p>
          <a href={link[0]}>{link[1]}</a>
        </p>
      )}
    </section>
  );
}
