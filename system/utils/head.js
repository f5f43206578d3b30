/** The first lines. `lines`: array; `num`: how many (Default: 1). */
exports.main = function main({ lines = [], num }) {
  const count = num || 1;
  return { lines: lines.slice(0, count), num: count };
};
