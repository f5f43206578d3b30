/** One line of a `.gitignore`. */
interface Rule {
  readonly pattern: RegExp;
  readonly negated: boolean;
  readonly onlyFolders: boolean;
  /** Folder of the file that holds the rule, with a slash at its end; "" at the top. */
  readonly base: string;
}

/** Rules in the order they were read; the last one that matches decides. As git does it (gitignore(5)). */
export class IgnoreRules {
  readonly #rules: readonly Rule[];

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  static readonly none = new IgnoreRules([]);

  /** These rules and, after them, the lines of a file of the folder `base`. */
  with(lines: readonly string[], base = ""): IgnoreRules {
    const more = lines.map((line) => ruleOf(line, base)).filter((rule) => rule !== null);
    return more.length === 0 ? this : new IgnoreRules([...this.#rules, ...more]);
  }

  /** True: ignored; false: a rule says it is not; undefined: no rule speaks of it. */
  judge(path: string, isFolder: boolean): boolean | undefined {
    for (let i = this.#rules.length - 1; i >= 0; i--) {
      const { pattern, negated, onlyFolders, base } = this.#rules[i] as Rule;
      if ((onlyFolders && !isFolder) || !path.startsWith(base)) continue;
      if (pattern.test(path.slice(base.length))) return !negated;
    }
    return undefined;
  }
}

function ruleOf(line: string, base: string): Rule | null {
  let text = line.replace(/\r$/, "").replace(/(?<!\\)\s+$/, "");
  if (text === "" || text.startsWith("#")) return null;
  const negated = text.startsWith("!");
  if (negated) text = text.slice(1);
  const onlyFolders = text.endsWith("/");
  if (onlyFolders) text = text.slice(0, -1);
  // A slash anywhere but at the end ties the pattern to its folder.
  const anchored = text.includes("/");
  if (text.startsWith("/")) text = text.slice(1);
  return { pattern: new RegExp(`^${anchored ? "" : "(?:.*/)?"}${globSource(text)}$`), negated, onlyFolders, base };
}

function globSource(glob: string): string {
  return glob.replace(
    /\\(.)|\*\*\/|\/\*\*$|\*\*|\*|\?|\[(!?)((?:\\.|[^\]\\])+)\]|[.+^${}()|/\\[\]]/g,
    (found, escaped, negation, set) => {
      if (escaped !== undefined) return escaped.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
      if (set !== undefined) return `[${negation ? "^" : ""}${set}]`;
      switch (found) {
        case "**/":
          return "(?:.*/)?";
        case "/**":
          return "/.*";
        case "**":
          return ".*";
        case "*":
          return "[^/]*";
        case "?":
          return "[^/]";
        default:
          return `\\${found}`;
      }
    },
  );
}
