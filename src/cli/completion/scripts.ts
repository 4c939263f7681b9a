// What `images completion SHELL` prints. Each script asks `images __complete` for the candidates: a line each, `value`, a tab, what it is; a
// line `:files` asks for the shell's own completion of paths.

const BASH = `# Completion of images for bash: source <(images completion bash)
_images() {
    local program=\${1/#\\~/$HOME} words=() n=0 i word line value current files=0
    COMPREPLY=()
    # Bash cuts words at "=".
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if ((n > 0)) && [[ $word == = && \${words[n - 1]} == --* || \${words[n - 1]} == --*= ]]; then
            words[n - 1]+=$word
        else
            words[n]=$word
            n=$((n + 1))
        fi
    done
    ((n > 0)) || return 0
    current=\${words[n - 1]}
    while IFS= read -r line; do
        value=\${line%%$'\\t'*}
        if [[ $value == :files ]]; then
            files=1
            continue
        fi
        [[ $value == *= ]] && compopt -o nospace 2>/dev/null
        [[ $current == --*=* ]] && value=\${value#*=}
        COMPREPLY+=("$value")
    done < <("$program" __complete -- "\${words[@]}" 2>/dev/null)
    if ((files)); then
        compopt -o filenames 2>/dev/null
        [[ $current == --*=* ]] && current=\${current#*=}
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    fi
}
complete -F _images images
`;

const ZSH = `#compdef images
# Completion of images for zsh: source <(images completion zsh), or this text as _images in a directory of $fpath
_images() {
    local -a closed open
    local line value about files=0
    while IFS= read -r line; do
        value=\${line%%$'\\t'*}
        about=\${line#*$'\\t'}
        [[ $line == *$'\\t'* ]] || about=""
        if [[ $value == :files ]]; then
            files=1
        elif [[ $value == *= ]]; then
            open+=("\${value//:/\\\\:}\${about:+:$about}")
        else
            closed+=("\${value//:/\\\\:}\${about:+:$about}")
        fi
    done < <("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
    ((\${#closed})) && _describe -t values images closed
    ((\${#open})) && _describe -t values images open -S ''
    if ((files)); then
        compset -P '--*='
        _files
    fi
}
if [[ \${funcstack[1]} == _images ]]; then
    _images "$@"
else
    compdef _images images
fi
`;

const FISH = `# Completion of images for fish: images completion fish | source
function __images_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc)
    for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = :files
            set -l flag (string match -r -- '^--[^=]*=' "$current")
            for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current"))
                echo "$flag$path"
            end
        else
            echo $line
        end
    end
end
complete -c images -f -a '(__images_complete)'
`;

/** The script of each shell. */
export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
type ShellName = keyof typeof SCRIPTS;
export const isShellName = (name: string): name is ShellName => Object.hasOwn(SCRIPTS, name);
