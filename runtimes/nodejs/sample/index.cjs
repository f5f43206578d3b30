"use strict";
/** What a runtime that has no code yet serves, so that the paths of a load and of a call are compiled (docs/frames.md, Rehearsal). */
exports.handler = async function handler(event, context) {
  const { remainingMs, functionName } = context;
  console.log("rehearsal %s", functionName, typeof remainingMs);
  return await Promise.resolve({ message: `Hello, ${event?.name ?? "world"}!`, id: context.callId });
};
