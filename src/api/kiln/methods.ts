import { PlatformError } from "../../model/error.ts";
import type { Scope } from "./door.ts";

/** Remembers which methods each path has, to tell 405 from 404. To be called before the paths are registered. */
export function methodsOf(scope: Scope): { problem(method: string, url: string): PlatformError } {
  const paths: { pattern: RegExp; methods: Set<string> }[] = [];
  scope.addHook("onRoute", ({ url, method }) => {
    if (url.endsWith("*")) return;
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, "[^/]+")}$`);
    const known = paths.find((path) => path.pattern.source === pattern.source);
    const methods = known?.methods ?? new Set<string>();
    for (const name of [method].flat()) methods.add(name);
    if (known === undefined) paths.push({ pattern, methods });
  });

  return {
    problem(method, url) {
      const path = (url.split("?")[0] as string).slice(0, 1000);
      const found = paths.filter(({ pattern }) => pattern.test(path));
      if (found.length === 0) {
        return new PlatformError("not_found", `There is nothing at ${path}; /kiln/v1/openapi.json lists what there is`);
      }
      const methods = new Set<string>();
      for (const candidate of found) for (const name of candidate.methods) methods.add(name);
      const allow = [...methods].toSorted().join(", ");
      return new PlatformError("method_not_allowed", `${method} is not possible at ${path}, which knows ${allow}`, {
        details: { allow },
      });
    },
  };
}
