/** The namespace of whoever calls. */
exports.main = function main() {
  return { namespace: process.env.__OW_NAMESPACE };
};
