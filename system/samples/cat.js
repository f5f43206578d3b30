/** Joins lines, each with its end. `lines`: array. Gives `lines` and, as one text, `payload`. */
exports.main = function main({ lines }) {
  if (!Array.isArray(lines)) return { error: "You must specify a lines parameter!" };
  return { lines, payload: lines.map((line) => `${line}\n`).join("") };
};
