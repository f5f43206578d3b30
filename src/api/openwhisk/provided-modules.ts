/**
 * What OpenWhisk's Node runtimes have beside Node, by version: a module that an action requires and does not bring is installed when it is
 * deployed (facts of the runtime's package.json, 2026). `redis` and `redis-commands` are those whose callbacks compositions use.
 */
export const providedModules: Readonly<Record<string, string>> = {
  express: "4.21.2",
  openwhisk: "3.21.9",
  redis: "3.1.2",
  "redis-commands": "1.7.0",
  "serialize-error": "8.1.0",
  uuid: "8.3.2",
};
