import { Fragment } from "preact";
import { pieces } from "../format.ts";

/** Text of somebody else's on one line: as text, with control characters spelt out. */
export function OwnText({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map(({ text: shown, control }, index) =>
        control ? (
          <span key={index} class="control">
            {shown}
          </span>
        ) : (
          shown
        ),
      )}
    </>
  );
}

/** The same where line ends are meant as such. */
export function OwnLines({ text }: { text: string }) {
  return (
    <>
      {text.split(/\r?\n/).map((line, index) => (
        <Fragment key={index}>
          {index > 0 && "\n"}
          <OwnText text={line} />
        </Fragment>
      ))}
    </>
  );
}
