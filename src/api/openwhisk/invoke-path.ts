/** The namespace, the package, where there is one, and the action of an invoke path, as sent. */
export const invokePath = /^\/api\/v1\/namespaces\/([^/]+)\/actions\/(?:([^/]+)\/)?([^/]+)$/;

/** What the listener serves past the framework. */
export const actionRoute = { prefix: "/api/v1/namespaces/", matches: isInvokePath };

function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && invokePath.test(path);
}
