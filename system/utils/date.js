/** What time it is, as `date`. */
exports.main = function main() {
  return { date: new Date() };
};
