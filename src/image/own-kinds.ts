import { stat } from "node:fs/promises";
import type { OwnKind } from "../config/own-kinds.ts";
import { PlatformError } from "../model/error.ts";
import { protocolNames } from "../model/model.ts";
import type { KindSummary, Kinds, Prepared } from "./image.ts";
import { rootLayout } from "./layout.ts";
import { executableCommand } from "./programs/executable.ts";

/** What a function of such a kind is started from. */
export interface OwnSource {
  readonly command: readonly string[] | null;
  /** Host folder of the code. */
  readonly folder: string;
  /** The sandbox's files are ours to choose. */
  readonly hasRoots: boolean;
  /** What a container image is started with. */
  pulled(image: string): Promise<Prepared>;
}

/** Kinds that the operator added, by a folder or an image (setting `kinds`). They are used as they lie there: nothing of them is copied or built. */
export class OwnKinds {
  readonly #byName: ReadonlyMap<string, OwnKind>;

  /** Throws `invalid` for a name that is taken. */
  constructor(own: readonly OwnKind[], builtIn: Kinds) {
    const taken = new Set(builtIn.list().flatMap(({ name, aliases }) => aliases.concat(name)));
    for (const { name } of own) {
      if (taken.has(name))
        throw new PlatformError(
          "invalid",
          `The setting kinds names ${name} again, which is there already: call it something else`,
        );
      taken.add(name);
    }
    this.#byName = new Map(own.map((kind) => [kind.name, kind]));
  }

  find(name: string): OwnKind | null {
    return this.#byName.get(name) ?? null;
  }

  /** All kinds together. */
  beside(builtIn: Kinds): Kinds {
    const own = [...this.#byName.values()].map(summaryOf);
    return {
      list: () => [...builtIn.list(), ...own],
      resolve: (name) => this.#byName.get(name)?.name ?? builtIn.resolve(name),
    };
  }

  /** Throws `invalid` for code in which nothing can be started, `internal` for a folder that has gone, and what pulling throws. */
  async prepare({ name, root, command: usual }: OwnKind, source: OwnSource): Promise<Prepared> {
    if (!source.hasRoots)
      throw new PlatformError(
        "unsupported",
        `The kind ${name} has files of its own, which --sandbox process cannot give: take another sandbox`,
      );
    const given = source.command ?? (usual.length > 0 ? usual : null);
    const code = { code: source.folder, workingFolder: rootLayout.code };
    if (!root.startsWith("/")) {
      const inside = await source.pulled(root);
      return { ...inside, ...code, command: given === null ? inside.command : () => inCode(given) };
    }
    if ((await stat(root).catch(() => null))?.isDirectory() !== true)
      throw new PlatformError("internal", `The folder of the kind ${name} is not there: correct the setting kinds`);
    const command =
      given === null
        ? await executableCommand(name, { folder: source.folder, layers: null }, [], false, rootLayout)
        : inCode(given);
    return { root, runtime: null, path: rootLayout.path, shimCommand: null, env: {}, ...code, command: () => command };
  }
}

function summaryOf({ name, root }: OwnKind): KindSummary {
  // The first one is what a function gets that names none; none of our runtimes is in there.
  const protocols = ["http-stream", ...protocolNames.filter((each) => each !== "http-stream")] as const;
  const from = root.startsWith("/") ? "a folder of this machine" : `the image ${root}`;
  return { name, aliases: [], default: false, protocols, description: `The operator's own, with the files of ${from}` };
}

/** A program in the code is meant by `./name`; any other is looked up in `PATH`. */
function inCode([program = "", ...args]: readonly string[]): readonly string[] {
  return program.startsWith("./") ? [`${rootLayout.code}/${program.slice(2)}`, ...args] : [program, ...args];
}
