/** Splits a text. `payload`: the text; `separator`: what stands between its parts (Default: ends of lines). Gives `lines` and `payload`. */
exports.main = function main({ payload, separator }) {
  if (payload === undefined || payload === null) return { error: "split: the parameter 'payload' is missing" };
  return { lines: String(payload).split(separator || /\r?\n/), payload };
};
