/** Where things are for the code: in a sandbox with a root of ours, or on the host's own files. */
export interface Layout {
  /** Folder of the function's code. */
  readonly code: string;
  /** Folder of our shim of the kind. */
  readonly runtime: string;
  /** The interpreters. */
  readonly node: string;
  readonly python: string;
  readonly java: string;
  /** Folder of what layers bring. */
  readonly layers: string;
  /** `PATH`. */
  readonly path: string;
}

/** Inside a root that this room built. */
export const rootLayout: Layout = {
  code: "/function",
  runtime: "/runtime",
  node: "/bin/node",
  python: "/usr/bin/python3.11",
  java: "/usr/bin/java",
  layers: "/opt",
  path: "/usr/local/bin:/usr/bin:/bin",
};

/** Without a root: the same programs as the host has them. */
export function hostLayout(folders: Pick<Layout, "code" | "runtime" | "layers">, nodeFile: string, path: string): Layout {
  return { ...folders, node: nodeFile, python: "python3", java: "java", path };
}
