import { EXIT_CODES } from "../../core/values/exit_codes.ts";
import type { CommandBody } from "../command.ts";
import { CommandFailure } from "../failure.ts";

/** Instead of candidates: the shell is to complete file names by itself. */
export const FILES = ":files";

/** Prints the script by which a shell completes command lines. */
// deno-lint-ignore require-await -- what it throws is to be a rejection
export const completion: CommandBody = async ({ output, program }, [shell]) => {
  const script = SCRIPTS[shell];
  if (script === undefined) {
    const shells = Object.keys(SCRIPTS).join(", ");
    throw new CommandFailure(EXIT_CODES.usage, `Cannot print a script as SHELL must be one of ${shells}: current value is ${shell}`);
  }
  output.print(script(program, `_${program.replace(/\W/g, "_")}_complete`));
  return EXIT_CODES.ok;
};

/** Each asks the program itself at every Tab; what the program has no candidates for stays empty. */
const SCRIPTS: Readonly<Record<string, (program: string, fn: string) => string>> = {
  // Bash replaces only what stands after the last "=" or ":" of a word, or from its last "@" on, so only that much is handed over.
  bash: (program, fn) =>
    `# Completion for bash: put  source <(${program} completion bash)  into ~/.bashrc
${fn}() {
  local line=\${COMP_LINE:0:COMP_POINT} words=() current prefix value file
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]}-1]}
  prefix=\${current##*[=:]}
  [[ $prefix == *@* ]] && prefix=@\${prefix##*@}
  prefix=\${current%"$prefix"}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == ${FILES} ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "\${current#"$prefix"}")
    else
      COMPREPLY+=("\${value#"$prefix"}")
    fi
  done < <("\${words[0]/#~/$HOME}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F ${fn} ${program}`,
  zsh: (program, fn) =>
    `#compdef ${program}
# Completion for zsh: put  source <(${program} completion zsh)  into ~/.zshrc, after compinit
${fn}() {
  local -a candidates
  local line
  for line in "\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ${FILES} ]]; then
      _files
    elif [[ -n $line ]]; then
      candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${\${line#*$'\\t'}//:/\\\\:}")
    fi
  done
  (( \${#candidates} )) && _describe -V ${program} candidates
}
if [[ \${funcstack[1]} == _${program} ]]; then ${fn} "$@"; else compdef ${fn} ${program}; fi`,
  fish: (program, fn) =>
    `# Completion for fish: put  ${program} completion fish | source  into ~/.config/fish/config.fish
function ${fn}
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$line" = ${FILES}
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c ${program} -f -a '(${fn})'`,
};
