/** Which requests are for the API gateway. Loads no door: fronts without one read this. */

/** What OpenWhisk's clients ask it for: getApi, createApi and deleteApi. Wants a key, so pages of every origin may ask. */
export const apiManagementRoute = { prefix: "/api/v1/web/whisk.system/apimgmt/", open: true } as const;

/** Where APIs are: a namespace and what is below it. */
export const gatewayRoute = { prefix: "/api/", matches: isOfNamespace, open: true } as const;

/** Whose APIs would have the paths of OpenWhisk's own. */
export const unservedNamespace = "v1";

function isOfNamespace(_method: string, path: string): boolean {
  return path.includes("/", gatewayRoute.prefix.length) && !path.startsWith(`${gatewayRoute.prefix}${unservedNamespace}/`);
}
