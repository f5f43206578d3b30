/** Gives its parameters back. */
exports.main = function main(parameters) {
  return parameters;
};
