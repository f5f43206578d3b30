import type { Command } from "commander";
import { nearest } from "../lib/nearest.ts";
import type { Run } from "./cli.ts";
import { usage } from "./failure.ts";

/** Each script hands the words so far to the hidden `__complete`, which prints a candidate a line. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_polykiln() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}") line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
  fi
}
complete -F _polykiln polykiln pk
`,
  zsh: `#compdef polykiln pk
_polykiln() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _polykiln polykiln pk
`,
  fish: `function __polykiln_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete -- $words[2..-1] 2>/dev/null
end
complete -c polykiln -a '(__polykiln_complete)'
complete -c pk -a '(__polykiln_complete)'
`,
};

/** `polykiln completion`. */
export function register(program: Command, run: Run): void {
  program
    .command("completion")
    .description("Print a completion script for bash, zsh or fish; it also completes names from the server.")
    .argument("<shell>", Object.keys(scripts).join(", "))
    .addHelpText(
      "after",
      '\nbash: eval "$(polykiln completion bash)"\nzsh:  eval "$(polykiln completion zsh)"\nfish: polykiln completion fish | source',
    )
    .action(
      run(async (session, shell: string) => {
        const script = scripts[shell];
        const meant = nearest(shell, Object.keys(scripts));
        if (script === undefined)
          throw usage(
            `There is no completion for ${shell}; there is for ${Object.keys(scripts).join(", ")}`,
            meant && `did you mean ${meant}?`,
          );
        session.out.write(script);
        return 0;
      }),
    );
}
