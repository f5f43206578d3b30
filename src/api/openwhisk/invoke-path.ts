/** The namespace, the package, where there is one, and the action of an invoke path, as sent. */
export const invokePath = /^\/api\/v1\/namespaces\/([^/]+)\/actions\/(?:([^/]+)\/)?([^/]+)$/;

/** The namespace and the trigger of a path that fires it, as sent. */
export const firePath = /^\/api\/v1\/namespaces\/([^/]+)\/triggers\/([^/]+)$/;

/** What the listener serves past the framework. */
export const actionRoute = { prefix: "/api/v1/namespaces/", matches: isInvokePath };

/** The same of events. */
export const triggerRoute = { prefix: "/api/v1/namespaces/", matches: isFirePath };

function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && invokePath.test(path);
}

function isFirePath(method: string, path: string): boolean {
  return method === "POST" && firePath.test(path);
}
