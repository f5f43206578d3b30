import type { FunctionResponse, SessionCaller } from "./protocol.ts";

/** A call as a promise, of a session whose own way is to tell a caller. `printed`: hears what the code prints; absent: nobody does. */
export function promisedCall(
  begin: (caller: SessionCaller) => void,
  printed: SessionCaller["printed"] = () => {},
): Promise<FunctionResponse> {
  return new Promise((resolve, failed) => {
    begin({ answered: (status, headers, body) => resolve({ status, headers, body }), failed, printed });
  });
}
