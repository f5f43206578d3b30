/** The namespace, app and function of an invoke path, as sent. */
export const invokePath = /^\/kiln\/v1\/namespaces\/([^/]+)\/apps\/([^/]+)\/functions\/([^/]+)\/invoke$/;

/** What the listener serves past the framework. Other methods go to the framework, which knows how to refuse them. */
export const invokeRoute = { prefix: "/kiln/v1/namespaces/", matches: isInvokePath };

function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/invoke") && invokePath.test(path);
}
