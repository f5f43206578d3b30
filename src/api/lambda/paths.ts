/** Which requests are for this door. Loads no door: fronts without one read this. */

/** The dates that its paths begin with; each operation has the one at which it was made. */
export const datePrefixes: readonly string[] = [
  "/2014-11-13",
  "/2015-03-31",
  "/2016-08-19",
  "/2017-03-31",
  "/2017-10-31",
  "/2018-10-31",
  "/2019-09-25",
  "/2019-09-30",
  "/2020-04-22",
  "/2020-06-30",
  "/2021-07-20",
  "/2021-10-31",
  "/2021-11-15",
  "/2024-08-31",
  "/2025-11-30",
  "/2025-12-01",
];

/** The function of a path that invokes it, as sent. */
export const invokePath = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;
export const eventPath = /^\/2014-11-13\/functions\/([^/]+)\/invoke-async\/?$/;
export const streamPath = /^\/2021-11-15\/functions\/([^/]+)\/response-streaming-invocations$/;

/** What the listener serves past the framework. */
export const invokeRoute = { prefix: "/2015-03-31/functions/", matches: isInvokePath };
export const streamRoute = { prefix: "/2021-11-15/functions/", matches: isStreamPath };

function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && invokePath.test(path);
}

function isStreamPath(method: string, path: string): boolean {
  return method === "POST" && streamPath.test(path);
}
