/** The namespace, app and function of an invoke path, as sent. */
export const invokePath = /^\/kiln\/v1\/namespaces\/([^/]+)\/apps\/([^/]+)\/functions\/([^/]+)\/invoke$/;

/** What the listener serves past the framework. Other methods go to the framework, which knows how to refuse them. */
export const invokeRoute = { prefix: "/kiln/v1/namespaces/", matches: isInvokePath };

/** The namespace and the trigger of a path that fires it, as sent. */
export const firePath = /^\/kiln\/v1\/namespaces\/([^/]+)\/triggers\/([^/]+)\/fire$/;

/** As `invokeRoute`, of events. */
export const fireRoute = { prefix: "/kiln/v1/namespaces/", matches: isFirePath };

function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/invoke") && invokePath.test(path);
}

function isFirePath(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/fire") && firePath.test(path);
}
