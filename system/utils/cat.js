/** Joins lines. `lines`: array of text. Gives `lines` and, as one text, `payload`. */
exports.main = function main({ lines = [] }) {
  return { lines, payload: lines.join("\n") };
};
