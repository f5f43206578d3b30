/** The first lines. `lines`: array; `num`: how many (Default: 1). */
exports.main = function main({ lines, num }) {
  if (!Array.isArray(lines)) return { error: "You must specify a lines parameter!" };
  const count = typeof num === "number" ? Math.max(0, Math.trunc(num)) : 1;
  return { lines: lines.slice(0, count), num: count };
};
