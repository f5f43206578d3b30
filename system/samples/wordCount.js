/** How many words `payload` has. */
exports.main = function main({ payload }) {
  const words = String(payload).split(" ");
  console.log(`The message '${payload}' has`, words.length, "words");
  return { count: words.length };
};
