/** Puts all parameters under one name, which `$fieldName` says. */
exports.main = function main({ $fieldName: name, ...rest }) {
  return typeof name === "string" ? { [name]: rest } : { error: "Expected an argument '$fieldName' of type 'string'." };
};
