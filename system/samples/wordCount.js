/** How many words `payload` has. */
exports.main = function main({ payload }) {
  return { count: String(payload).split(" ").length };
};
