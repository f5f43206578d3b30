/** Prints a greeting of `payload`. */
exports.main = function main({ payload }) {
  console.log("hello", `${payload}!`);
};
