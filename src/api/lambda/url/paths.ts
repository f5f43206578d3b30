/** Which requests are for function URLs. Loads no door: fronts without one read this. */

/** What the listener serves past the framework: `/lambda-url/{id}/`, and what may follow. */
export const urlRoute = { prefix: "/lambda-url/", open: true } as const;

/** All that is asked of the host of a URL. */
export const urlHostRoute = { prefix: "/", byHost: "lambda-url", open: true } as const;

/** Of the configuration. */
export interface UrlDomain {
  readonly lambdaRegion: string;
  readonly lambdaUrlDomain: string;
}

/** The name that hosts of URLs have after their first label, which is the URL's id; empty: they have none. */
export function urlHostsBelow({ lambdaRegion, lambdaUrlDomain }: UrlDomain): string {
  return lambdaUrlDomain === "" ? "" : `lambda-url.${lambdaRegion}.${lambdaUrlDomain}`;
}
