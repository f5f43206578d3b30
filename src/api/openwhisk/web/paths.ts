/** Which requests are for web actions. Loads no door: fronts without one read this. */

/** What the listener serves past the framework: `/api/v1/web/{namespace}/{package}/{action}`, and what may follow. */
export const webRoute = { prefix: "/api/v1/web/", open: true } as const;

/** All that is asked of the host of a namespace. */
export const webHostRoute = { prefix: "/", byHost: "web", open: true } as const;

export const webMethods = ["OPTIONS", "GET", "DELETE", "POST", "PUT", "HEAD", "PATCH"] as const;
