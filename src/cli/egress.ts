/** A word for all of it, or entries; commas between them do as well as spaces. */
export function egressFrom(given: readonly string[]): string | readonly string[] {
  const entries = given.flatMap((text) => text.split(",")).filter((entry) => entry !== "");
  const [only] = entries;
  return entries.length === 1 && only !== undefined && words.has(only) ? only : entries;
}

const words = new Set(["namespace", "none", "internet"]);
