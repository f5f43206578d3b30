/** Sorts lines. `lines`: array of text. Gives `lines` and how many there are, as `length`. */
exports.main = function main({ lines = [] }) {
  return { lines: lines.toSorted(), length: lines.length };
};
