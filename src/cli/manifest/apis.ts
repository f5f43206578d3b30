import { nearest } from "../../lib/nearest.ts";
import type { Path } from "../project/yaml-file.ts";
import type { WantedApi } from "./manifest.ts";
import type { PackageReading } from "./package-reading.ts";

const verbs = ["get", "put", "post", "delete", "patch", "head", "options"];
const responseTypes = ["http", "json", "text", "svg", "html"];

/** The APIs of a package, and the names of the actions and sequences that they lead to. Throws a `Failure`. */
export function readApis(pkg: PackageReading): { readonly apis: readonly WantedApi[]; readonly ofApis: ReadonlySet<string> } {
  const apis = Object.entries(pkg.yaml.apis ?? {}).flatMap(([name, bases]) =>
    Object.entries(bases).flatMap(([base, paths]) =>
      Object.entries(paths).flatMap(([path, actions]) =>
        Object.entries(actions).map(([action, { method, response }]) =>
          readApi(pkg, { name, base, path, action, method: String(method ?? ""), response }),
        ),
      ),
    ),
  );
  return { apis, ofApis: new Set(apis.map(({ action }) => action[1])) };
}

interface Given {
  readonly name: string;
  readonly base: string;
  readonly path: string;
  readonly action: string;
  readonly method: string;
  readonly response?: string | number | boolean | undefined;
}

function readApi(pkg: PackageReading, { name, base, path, action, method, response }: Given): WantedApi {
  const { reading } = pkg;
  const at = [...pkg.path, "apis", name, base, path, action];
  const known = [...Object.keys(pkg.yaml.actions ?? {}), ...Object.keys(pkg.yaml.sequences ?? {})];
  if (!known.includes(action)) {
    const meant = nearest(action, known);
    const fix = meant === undefined ? undefined : `did you mean ${meant}?`;
    throw reading.failure(
      at,
      "key",
      `The package has no action and no sequence ${action}, which its API leads to`,
      undefined,
      fix,
    );
  }
  const basePath = slashed(reading.interpolated(at, base));
  const isShort = basePath.lastIndexOf("/") === 0;
  if (!isShort) throw reading.failure(at.slice(0, -2), "key", `The base path ${base} has more than one part`, "It is /NAME");
  const relative = slashed(reading.interpolated(at, path));
  const verb = oneOf(pkg, [...at, "method"], "method", reading.interpolated([...at, "method"], method), verbs);
  const said = oneOf(pkg, [...at, "response"], "response", reading.text([...at, "response"], response) || "http", responseTypes);
  return {
    name: reading.interpolated(at, name),
    place: reading.file.placeOf(at, "key"),
    at,
    basePath,
    path: relative,
    verb,
    action: [pkg.name, action],
    // The gateway hands parameters in paths to nothing else.
    responseType: /\{/.test(relative) ? "http" : said,
  };
}

function slashed(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function oneOf({ reading }: PackageReading, at: Path, name: string, given: string, known: readonly string[]): string {
  const word = given.toLowerCase();
  if (known.includes(word)) return word;
  throw reading.failure(at, "value", `${name} is ${JSON.stringify(given)}`, `It must be one of ${known.join(", ")}`);
}
