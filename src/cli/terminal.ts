import { styleText } from "node:util";
import type { Sink } from "./cli.ts";

export type Style = Parameters<typeof styleText>[0] & string;
export type Paint = (style: Style, text: string) => string;

/** Colours only where a person looks: a terminal, and neither `NO_COLOR` nor `--no-color`. `FORCE_COLOR` counts as a terminal. */
export function painter(sink: Sink, env: Readonly<Record<string, string | undefined>>, wanted: boolean | undefined): Paint {
  const forced = (env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0";
  const on = wanted !== false && (env["NO_COLOR"] ?? "") === "" && (sink.isTTY === true || forced) && env["TERM"] !== "dumb";
  return on ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}

/** Control characters of somebody else's text are shown, not obeyed; tabs stay. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) =>
    character === "\t" ? character : `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, "0")}`,
  );
}
