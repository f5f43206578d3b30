import type { Placement } from "./scheduler.ts";

/** The first agent that accepts calls and is big enough for the function. */
export const place: Placement = (fn, agents) => {
  let memoryMiBMax = 0;
  for (const agent of agents) {
    if (!agent.accepting) continue;
    if (agent.memoryMiB >= fn.memoryMiB) return { agentId: agent.id };
    memoryMiBMax = Math.max(memoryMiBMax, agent.memoryMiB);
  }
  return { refused: memoryMiBMax === 0 ? "no_agent" : "too_big", memoryMiBMax };
};
