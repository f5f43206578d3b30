/** Greets somebody. `name` or `payload`: who; `place`: from where. */
exports.main = function main({ name, payload, place }) {
  return { payload: `Hello, ${name || payload || "stranger"} from ${place || "somewhere"}!` };
};
