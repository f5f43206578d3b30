// Runs calls of some callers differently: with a setting of their own, or for a shorter time. Shows the call overrider, the placement that
// hears of it, and the annotator of URLs.
// @ts-check

/** @type {import("polykiln/extensions").Extension} */
export default {
  name: "overrides",
  version: 1,
  callOverrider({ fn, headers }) {
    const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === "x-plan");
    const plan = at === -1 ? undefined : headers[at + 1];
    if (plan === undefined) return undefined;
    if (plan === "short") return { timeoutMs: 300 };
    return { config: { ...fn.config, PLAN: plan }, extensions: { plan } };
  },
  placement(fn, agents, extensions) {
    if (extensions?.["plan"] === "none") return { refused: "no_agent", memoryMiBMax: 0 };
    const agent = agents.find(({ accepting, memoryMiB }) => accepting && memoryMiB >= fn.memoryMiB);
    return agent === undefined ? { refused: "no_agent", memoryMiBMax: 0 } : { agentId: agent.id };
  },
  urlAnnotator: {
    fn: (fn, url) => url.replace(/^https?:\/\/[^/]+/, "https://functions.example.com"),
    trigger: (trigger, url) => url.replace(/^https?:\/\/[^/]+/, "https://functions.example.com"),
  },
};
