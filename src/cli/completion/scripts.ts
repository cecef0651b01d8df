/**
 * What `tswitch completion` prints: a few lines per shell that ask the program itself at each press of the key, by the hidden
 * command `__complete`. So they fit any version, and know ports and VLANs by name. It answers a candidate per line, with a tab
 * and what it is behind it, or `:files`.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The words are taken from the line, because bash itself cuts them at `:` and `=`; what it takes for the last one's beginning
 * has to be cut from the candidates in turn.
 */
const BASH = `# bash completion for tswitch
_tswitch() {
  local -a words
  local line=\${COMP_LINE:0:COMP_POINT} answer candidate word cut
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word=\${words[-1]}
  COMPREPLY=()
  answer=$("$1" __complete -- "\${words[@]:1}" 2>/dev/null) || return
  if [[ $answer == :files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$word")
    return
  fi
  cut=\${word%"\${word##*[=:]}"}
  while IFS= read -r candidate; do
    candidate=\${candidate%%$'\\t'*}
    [[ -n $candidate ]] && COMPREPLY+=("\${candidate#"$cut"}")
  done <<<"$answer"
}
complete -F _tswitch tswitch
`;

const ZSH = `#compdef tswitch
# zsh completion for tswitch
_tswitch() {
  local answer line value
  local -a candidates
  answer=$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null) || return 1
  if [[ $answer == :files ]]; then
    _files
    return
  fi
  for line in "\${(@f)answer}"; do
    value=\${line%%$'\\t'*}
    [[ -n $value ]] && candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe tswitch candidates
}
if [[ \${funcstack[1]} == _tswitch ]]; then
  _tswitch
else
  compdef _tswitch tswitch
fi
`;

const FISH = `# fish completion for tswitch
function __tswitch_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..-1] "$word" 2>/dev/null)
    if test "$answer" = :files
        __fish_complete_path "$word"
    else
        printf '%s\\n' $answer
    end
end
complete -c tswitch -f -a '(__tswitch_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
