/** What OpenWhisk looks at in a document before the gateway gets it. */
import { type ApiDocument, configurationNames, isObject, type Json, listIn, verbsOf } from "./document.ts";
import { ApiFailure } from "./errors.ts";
import { parameterIn, segmentsOf } from "./path-tree.ts";

/** Looking for a path goes as deep. */
const pathSegmentsMax = 64;

/** Throws `ApiFailure` for parameters of paths that no action would be told, and for paths of too many parts. */
export function checkParameters(document: ApiDocument): void {
  if (parametersOf(document.basePath).length > 0)
    throw new ApiFailure(
      `The base path (${document.basePath}) cannot have parameters. Only the relative path supports path parameters.`,
    );
  const targets = targetUrls(document);
  for (const [path, operations] of Object.entries(document.paths)) {
    if (segmentsOf(path).length > pathSegmentsMax)
      throw new ApiFailure(`A path of the API has more than ${pathSegmentsMax} segments.`);
    const names = parametersOf(path);
    if (names.length === 0 || !isObject(operations)) continue;
    for (const verb of verbsOf(operations)) checkOperation(operations, operations[verb], { path, names, targets });
  }
}

interface Parameterized {
  readonly path: string;
  readonly names: readonly string[];
  readonly targets: ReadonlyMap<unknown, string>;
}

function checkOperation(operations: Json, operation: unknown, { path, names, targets }: Parameterized): void {
  if (!isObject(operation)) return;
  const { operationId, "x-openwhisk": action } = operation;
  if (isObject(action) && typeof action["url"] === "string" && !action["url"].endsWith(".http"))
    throw new ApiFailure("The action must use a response type of '.http' in order to receive the path parameters.");
  const target = targets.get(operationId);
  if (target !== undefined && !target.endsWith(".http$(request.path)"))
    throw new ApiFailure(
      `The target-url for operationId '${String(operationId)}' must end in '$(request.path)' in order for actions to receive the path parameters.`,
    );
  const described = [...listIn(operations["parameters"]), ...listIn(operation["parameters"])].filter(isObject);
  const missing = names.find((wanted) => !described.some(({ name }) => name === wanted));
  if (missing !== undefined)
    throw new ApiFailure(
      `The parameter '${missing}' defined in path '${path}' does not match any of the parameters defined for the path in the swagger file.`,
    );
}

function parametersOf(path: string): string[] {
  return segmentsOf(path).flatMap((segment) => parameterIn(segment) ?? []);
}

function targetUrls(document: ApiDocument): ReadonlyMap<unknown, string> {
  const configuration = configurationNames.map((name) => document[name]).find(isObject);
  const assembly = configuration?.["assembly"];
  const steps = isObject(assembly) ? listIn(assembly["execute"]).filter(isObject) : [];
  const switches = steps.map((step) => step["operation-switch"]).filter(isObject);
  const cases = switches.flatMap((each) => listIn(each["case"])).filter(isObject);
  return new Map(cases.flatMap((each) => listIn(each["operations"]).flatMap((id) => targetIn(each, id))));
}

function targetIn({ execute }: Json, id: unknown): readonly (readonly [unknown, string])[] {
  const invoke = listIn(execute)
    .filter(isObject)
    .map((step) => step["invoke"])
    .find(isObject);
  const url = invoke?.["target-url"];
  return typeof url === "string" ? [[id, url]] : [];
}
