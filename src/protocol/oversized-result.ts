/** A result that is longer than results may be, as OpenWhisk says it. */

/** Bytes of a result. */
export const resultBytesMax = 1024 * 1024;

const shownCharactersMax = 1024;

/** What is told instead of it. `text`: its beginning; `bytes`: all of it. */
export function oversizedText(text: string, bytes: number): string {
  const said = `The action produced a response that exceeded the allowed length: ${bytes} > ${resultBytesMax} bytes.`;
  return `${said} The truncated response was: ${text.slice(0, shownCharactersMax)}`;
}
