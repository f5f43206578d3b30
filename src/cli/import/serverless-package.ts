/** Which files of a service a function has: `package`, of the function and of the whole. */
import { Property } from "./property.ts";
import type { ServerlessReading } from "./serverless-reading.ts";

/** Files of the Serverless Framework itself. */
const never = [
  "!serverless.yml",
  "!serverless.yaml",
  "!serverless.json",
  "!serverless.js",
  "!serverless.ts",
  "!npm-debug.log",
  "!.serverless_plugins/**",
  "!.gitignore",
];

/** Globs, the last one that matches decides. `own`: of the function, whose patterns count only where it is packed individually. */
export function patternsOf(reading: ServerlessReading, own: Property, of: string): string[] {
  const { package: whole, remarks, plugins, layerPaths } = reading;
  const above = new Property(whole, ["package"], of, remarks);
  const isAlone = (own.at("individually").value ?? above.at("individually").value) === true;
  if (!isAlone && said(own).length > 0)
    own.different("patterns of a function count only with individually: true, as in the Serverless Framework");
  // The server installs what it names.
  const requirements = plugins.includes("serverless-python-requirements") ? ["requirements.txt"] : [];
  const layers = layerPaths.map((path) => `!${path}/**`);
  return [...never, ...layers, ...said(above), ...(isAlone ? said(own) : []), ...requirements];
}

/** The older keys before the newer one. */
function said(settings: Property): string[] {
  const texts = (key: string) => settings.at(key).items.flatMap((item) => item.text() ?? []);
  const turned = texts("exclude").map((glob) => (glob.startsWith("!") ? glob.slice(1) : `!${glob}`));
  return [...turned, ...texts("include"), ...texts("patterns")];
}
