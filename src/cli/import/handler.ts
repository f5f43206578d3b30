import type { FunctionSettings } from "./wanted.ts";

export interface Lack {
  readonly what: string;
  readonly fix: string;
}

/** What a handler lacks in code with these files; null: it is there, or it cannot be told. */
export function handlerLack(settings: FunctionSettings, names: ReadonlySet<string>): Lack | null {
  const { Runtime: runtime = "", Handler: handler = "" } = settings;
  if (runtime.startsWith("provided")) return names.has("bootstrap") ? null : notCompiled;
  const files = handlerFiles(settings);
  const module = moduleOf(handler, runtime);
  if (files.length === 0 || files.some((file) => names.has(file))) return null;
  if ([".ts", ".mts", ".tsx"].some((ending) => names.has(`${module}${ending}`)))
    return {
      what: `${module} is TypeScript: it has to be built first`,
      fix: "run sam build or your bundler, and import what it made",
    };
  return {
    what: `the handler ${handler} is in no file: the code has no ${files.join(", ")}`,
    fix: "correct the handler, or what belongs to the code",
  };
}

/** Names that the handler's file may have; none where it cannot be told. */
export function handlerFiles({ Runtime: runtime = "", Handler: handler = "" }: FunctionSettings): readonly string[] {
  const module = moduleOf(handler, runtime);
  return module === null ? [] : (endingsOf(runtime) ?? []).map((ending) => `${module}${ending}`);
}

const notCompiled: Lack = {
  what: "the code has no bootstrap: it has to be compiled first",
  fix: "build it, or run sam build and import .aws-sam/build/template.yaml",
};

function endingsOf(runtime: string): readonly string[] | null {
  if (runtime.startsWith("nodejs")) return [".js", ".mjs", ".cjs"];
  return runtime.startsWith("python") ? [".py", "/__init__.py"] : null;
}

/** `src/app` of `src/app.handler`; null: it is a module of a package, or of a layer. */
function moduleOf(handler: string, runtime: string): string | null {
  if (/^(?:node_modules|\/opt)\//.test(handler) || !handler.includes(".")) return null;
  const plain = handler.replace(/^(?:\.\/)+/, "");
  if (runtime.startsWith("python")) return plain.slice(0, plain.lastIndexOf(".")).replaceAll(".", "/");
  const slash = plain.lastIndexOf("/") + 1;
  return plain.slice(0, slash) + (plain.slice(slash).split(".")[0] ?? "");
}
