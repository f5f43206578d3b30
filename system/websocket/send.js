const openMsMax = 30_000;

/** Sends a message over a WebSocket. `uri`: where; `payload`: the text. Gives `payload` once the other side has closed with us. */
exports.main = function main({ uri, payload }) {
  if (!uri) return { error: "You must specify a uri parameter." };
  if (!payload) return { error: "You must specify a payload parameter." };
  return new Promise((resolve) => {
    const socket = new WebSocket(uri);
    const late = setTimeout(
      () => end({ error: `Did not establish websocket connection to ${uri} in a timely manner.` }),
      openMsMax,
    );
    const end = (result) => {
      clearTimeout(late);
      resolve(result);
      socket.close();
    };
    socket.addEventListener("open", () => {
      socket.send(typeof payload === "string" ? payload : JSON.stringify(payload));
      clearTimeout(late);
      socket.close();
    });
    socket.addEventListener("error", () => end({ error: `The websocket at ${uri} could not be reached, or broke off` }));
    // What was sent before is sent by then.
    socket.addEventListener("close", () => end({ payload }));
  });
};
