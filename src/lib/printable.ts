/**
 * Text of somebody else's as a terminal may get it: control characters (colours, cursor moves, line ends that would forge a line,
 * what turns the direction of writing) are shown as `\u001b` and the like instead of being obeyed; tabs stay.
 */
export function printable(text: string): string {
  return harmful.test(text) ? text.replaceAll(everyHarmful, shown) : text;
}

// C0 but for the tab, DEL, C1; the line and paragraph separators; the marks that reorder text; the byte order mark.
const harmful = /[^\P{Cc}\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
const everyHarmful = new RegExp(harmful.source, "gu");

function shown(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
