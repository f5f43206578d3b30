/** How many words `payload` has, told a moment later. */
exports.main = async function main({ payload }) {
  const words = String(payload).split(" ");
  await new Promise((resolve) => setTimeout(resolve, 100));
  console.log(`The message '${payload}' has`, words.length, "words");
  return { count: words.length };
};
