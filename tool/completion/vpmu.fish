# SPDX-License-Identifier: MIT
# fish completion of vpmu: commands, options, values and models are asked of the tool itself.

function __vpmu_words --description 'the words of the line before the one that is typed'
    set -l words (commandline -opc)
    string join \n -- $words[2..]
end

# Whether what is typed belongs to another program.
function __vpmu_is_behind_dashes
    set -l words (__vpmu_words)
    test (count $words) -gt 1; and contains -- -- $words[2..]
end

# "--option<TAB>what it is" of the command, and of a command of `state`.
function __vpmu_options
    vpmu $argv --help 2>/dev/null | string replace -rf '^  (?:-., )?(--[a-z-]+)(?: \S+)?(?:  +(.*))?$' '$1\t$2'
end

function __vpmu_list --argument-names heading
    vpmu $argv[2..] --help 2>/dev/null | sed -n "/^$heading:/,\$s/^  \([a-z0-9.-]\{1,\}\)  *\(.*\)/\1\t\2/p"
end

# The keys of --host, "gp=".
function __vpmu_host_keys
    vpmu models --help 2>/dev/null |
        sed -n '/^Keys that change the host/,$s/^  \([a-z0-9-]\{1,\}=\)[^ ]*  *\(.*\)/\1\t\2/p'
end

function __vpmu_models
    vpmu models 2>/dev/null | awk 'NR > 1 { print $1 }'
    echo host
end

# The values that --help names: "emulated|kvm|auto".
function __vpmu_values --argument-names option
    vpmu $argv[2..] --help 2>/dev/null | string replace -rf "^  $option ([a-z|-]+\|[a-z|-]+).*" '$1' |
        string split '|'
end

function __vpmu_complete
    set -l words (__vpmu_words)
    set -l before $words[-1]
    set -l command $words[1]
    if contains -- "$command" state kernel watch; and set -q words[2]; and not string match -q -- '-*' $words[2]
        set command $command $words[2]
    end
    switch "$before"
        case '' help
            vpmu help 2>/dev/null | string replace -rf '^  ([a-z]+)  +(.*)' '$1\t$2'
        case --model --state-model --emulate
            __vpmu_models
        case --profile
            __vpmu_list Profiles models
        case --host
            __vpmu_host_keys
        case --order
            __vpmu_list Orders plan
        case '--*'
            __vpmu_values $before $command
            __vpmu_options $command
        case state kernel
            __vpmu_list Commands $command
        case watch
            printf '%s\t%s\n' diff 'Compare two logs of --json'
            __vpmu_options watch
        case models
            __vpmu_models
            __vpmu_options models
        case '*'
            __vpmu_options $command
    end
end

complete -c vpmu -n 'not __vpmu_is_behind_dashes' -a '(__vpmu_complete)'
