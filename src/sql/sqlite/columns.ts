/** Lists as columns of bulk statements. */
import type { BulkColumn } from "../sql.ts";

/** Texts that repeat. */
export function textColumn(texts: readonly (string | null)[]): BulkColumn {
  const known = new Map<string | null, number>();
  for (const text of texts) if (!known.has(text)) known.set(text, known.size);
  return { codes: Uint32Array.from(texts, (text) => known.get(text) as number), values: [...known.keys()] };
}

/** Bytes, all in one piece of memory: each by itself would cost the way to the thread. */
export function piecesColumn(pieces: readonly Uint8Array[]): BulkColumn {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  const ends = new Uint32Array(pieces.length);
  let end = 0;
  for (const [index, piece] of pieces.entries()) {
    bytes.set(piece, end);
    end += piece.length;
    ends[index] = end;
  }
  return { bytes, ends };
}
