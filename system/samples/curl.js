/** What an address answers. `payload`: the address. Gives the text as `msg`. */
exports.main = async function main({ payload }) {
  const url = /^https?:\/\//.test(payload) ? payload : `http://${payload}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
    return { msg: await answer.text() };
  } catch (error) {
    return { error: `curl: ${url} cannot be reached: ${error.cause?.message ?? error.message}` };
  }
};
