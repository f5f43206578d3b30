/** Prints the parameters in order of their names, and gives them. */
exports.main = function main(parameters) {
  const params = Object.fromEntries(Object.entries(parameters).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  for (const [name, value] of Object.entries(params)) console.log(`params.${name}:`, value);
  return { params };
};
