import type { ZipFile } from "../manifest/zip.ts";

/** Packages that AWS's runtimes bring along and the ones here do not: code that imports one has to name it. */
interface AlongPackage {
  readonly name: string;
  /** Of the runtimes that have it there. */
  readonly runtime: string;
  /** Where code names its packages. */
  readonly manifest: string;
}

interface Rule extends AlongPackage {
  readonly source: RegExp;
  readonly imports: RegExp;
  /** In the text of that. */
  readonly named: RegExp;
  /** Of a file that is it. */
  readonly files: RegExp;
}

const rules: readonly Rule[] = [
  {
    name: "boto3",
    runtime: "python",
    manifest: "requirements.txt",
    source: /^(?!.*(?:^|\/)(?:vendor|site-packages)\/).*\.py$/,
    imports: /^\s*(?:import|from)\s+boto(?:3|core)\b/m,
    named: /\bboto(?:3|core)\b/,
    files: /(?:^|\/)boto(?:3|core)\//,
  },
  {
    name: "@aws-sdk",
    runtime: "nodejs",
    manifest: "package.json",
    source: /^(?!.*(?:^|\/)node_modules\/).*\.[cm]?js$/,
    imports: /(?:\brequire\(|\bfrom|\bimport|\bimport\()\s*["'](?:aws-sdk|@aws-sdk\/)/,
    named: /"(?:aws-sdk|@aws-sdk\/)/,
    files: /(?:^|\/)node_modules\/(?:@aws-sdk|aws-sdk)\//,
  },
];

/** One that code neither brings nor names, with the names of the files that import it. */
export interface Unnamed extends AlongPackage {
  readonly importers: ReadonlySet<string>;
}

export function unnamedIn(files: readonly ZipFile[]): readonly Unnamed[] {
  return rules.flatMap(({ name, runtime, manifest, source, imports, named, files: own }) => {
    const isThere = files.some((file) => own.test(file.name) || (file.name === manifest && named.test(file.body.toString())));
    const importers = files.filter((file) => source.test(file.name) && imports.test(file.body.toString()));
    if (isThere || importers.length === 0) return [];
    return [{ name, runtime, manifest, importers: new Set(importers.map((file) => file.name)) }];
  });
}
