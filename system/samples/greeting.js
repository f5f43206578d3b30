/** Greets somebody. `name` or `payload`: who; `place`: from where. */
exports.main = function main(params) {
  const { name, payload, place } = params;
  console.log("params:", params);
  return { payload: `Hello, ${name || payload || "stranger"} from ${place || "somewhere"}!` };
};
