// Rules of a house: who owns an app must be written on it, functions get what they lack, and some calls are refused. Shows listeners.
// @ts-check

/** @type {import("polykiln/extensions").ExtensionModule} */
export default ({ refusal, log }) => ({
  name: "policy",
  version: 1,
  apps: {
    beforeCreate(app) {
      if (app.name.startsWith("tmp-")) throw refusal("forbidden", "Apps may not be temporary here");
      // Values of annotations are JSON texts.
      return { ...app, annotations: { "example.com/owner": '"nobody"', ...app.annotations } };
    },
    beforeUpdate(app) {
      if (app.annotations["example.com/frozen"] === "true") throw refusal("conflict", `App ${app.name} is frozen`);
    },
    beforeDelete(app) {
      if (app.annotations["example.com/keep"] !== undefined) throw refusal("conflict", `App ${app.name} is to be kept`);
    },
    beforeGet({ name }) {
      if (name === "hidden") throw refusal("not_found", "App not found");
    },
    afterDelete: (app) => log.info(`App ${app.name} is gone`),
  },
  functions: {
    beforeCreate: (fn) => ({ ...fn, config: { REGION: "eu", ...fn.config } }),
  },
  triggers: {
    beforeCreate(trigger) {
      if (trigger.source.startsWith("/admin")) throw refusal("forbidden", "Paths below /admin are taken");
    },
  },
  calls: {
    before({ fn, headers }) {
      if (fn.config["CLOSED"] === "yes") throw refusal("throttled", `Function ${fn.name} takes no calls`);
      if (headers.includes("x-poison")) throw refusal("invalid", "A header of this call is poison");
    },
  },
});
