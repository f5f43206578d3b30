/** Where languages look for what layers bring, as Lambda has it. Source: the Lambda developer guide, "Packaging your layer content". */
import type { Kind } from "../kinds.ts";
import type { Layout } from "../layout.ts";

type Environment = Readonly<Record<string, string>>;

/** The kind's own environment with the folders of layers behind its own. */
export function layerEnvironment(kind: Kind, env: Environment, { layers }: Layout): Environment {
  const libraries = { ...env, LD_LIBRARY_PATH: joined(env["LD_LIBRARY_PATH"], `${layers}/lib`) };
  const [family = "", version = ""] = kind.name.split(":");
  switch (family) {
    case "nodejs": {
      const folders = [`${layers}/nodejs/node${version}/node_modules`, `${layers}/nodejs/node_modules`];
      return { ...libraries, NODE_PATH: joined(env["NODE_PATH"], ...folders) };
    }
    case "python": {
      const folders = [`${layers}/python/lib/python${version}/site-packages`, `${layers}/python`];
      return { ...libraries, PYTHONPATH: joined(env["PYTHONPATH"], ...folders) };
    }
    case "ruby":
      return { ...libraries, RUBYLIB: `${layers}/ruby/lib`, GEM_PATH: `${layers}/ruby/gems/${version}.0` };
    default:
      return libraries;
  }
}

/** `PATH` with the programs of layers behind all others. */
export function layerPath(path: string, { layers }: Layout): string {
  return joined(path, `${layers}/bin`);
}

function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== "").join(":");
}
