# Completion of kdumpctl for bash: commands, their options, and what options take.
# tests/cli/completion holds it against kdumpctl's own help.

_kdumpctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command= part= words= i
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --root) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=${COMP_WORDS[i]}
            elif [[ -z $part ]]; then
                part=${COMP_WORDS[i]}
            fi
            ;;
        esac
    done

    # What an option takes; bash makes words of their own of the = in --option=value.
    [[ $cur == = ]] && cur=
    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    case $command:$prev in
    *:--root | config:--output)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    propagate:-i | propagate:--identity)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    propagate:--type) words='ed25519 rsa' ;;
    reset-crashkernel:--kernel) words='ALL DEFAULT' ;;
    reset-crashkernel:--fadump) words='on off nocma' ;;
    config:--from) words='debian suse' ;;
    esac

    if [[ -z $words ]]; then
        case $command in
        '') words='start stop restart reload status rebuild show showmem list prune test config propagate estimate
                   get-default-crashkernel reset-crashkernel setup-crypttab help --help --root' ;;
        help) words='start stop restart reload status rebuild show showmem list prune test config propagate estimate
                     get-default-crashkernel reset-crashkernel setup-crypttab' ;;
        status) words='--verbose --json --help' ;;
        show) words='--json --help' ;;
        test) words='--dry-run --force --json --help' ;;
        list) words='--json --verify --help' ;;
        prune) words='--dry-run --help' ;;
        config)
            case $part in
            '') words='check show import --help' ;;
            show) words='--json --help' ;;
            import) words='--from --output --write --force --help' ;;
            *) words='--help' ;;
            esac
            ;;
        propagate) words='--type --identity --accept-new --help' ;;
        get-default-crashkernel) words='kdump fadump --help' ;;
        reset-crashkernel) words='--kernel --fadump --dry-run --reboot --help' ;;
        *) words='--help' ;;
        esac
        # Captures by name, for who may look.
        if [[ $command == list || $command == prune ]] && [[ $cur != -* ]]; then
            words+=" $(kdumpctl list 2>/dev/null | awk 'NR > 1 { print $1 }')"
        fi
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _kdumpctl kdumpctl
