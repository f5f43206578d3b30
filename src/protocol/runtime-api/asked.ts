import type { Asked } from "./connection.ts";

/** Answers a request whose body nobody wants. */
export function refuse({ connection, body }: Asked, text: string): void {
  body.cancel();
  connection.answer(text);
}

/** A header of a request, by its name in lower case. */
export function headerOf({ head: { headers } }: Asked, lower: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === lower.length && name.toLowerCase() === lower) return headers[i + 1];
  }
  return undefined;
}
