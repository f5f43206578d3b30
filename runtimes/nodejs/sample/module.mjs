/** Loaded once, so that the loader of modules is there when a function is one. */
export const handler = (event) => ({ message: `Hello, ${event?.name ?? "world"}!` });
