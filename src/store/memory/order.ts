/** Compares two texts by their UTF-8 bytes, as SQLite's BINARY does. JavaScript's `<` compares UTF-16 units, which differs for emoji. */
export function compareBytes(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
}
