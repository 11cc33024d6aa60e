# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of udamonctl for bash. What can come next is asked from udamonctl itself.

_udamonctl() {
        local line=${COMP_LINE:0:COMP_POINT} current word option= IFS=$' \t\n'
        local -a words=()

        # bash cuts words at '=' and ':'; here a word is what stands between spaces
        read -ra words <<<"$line"
        [[ $line == *[[:space:]] ]] && words+=("")
        current=${words[-1]}
        # what bash has already of the word stays where it is
        case $current in
        *[=:]*) option=${current%"${current##*[=:]}"} ;;
        esac

        COMPREPLY=()
        while IFS= read -r word; do
                case $word in
                :files)
                        compopt -o filenames
                        mapfile -t COMPREPLY < <(compgen -f -- "${current#"$option"}")
                        ;;
                :commands)
                        mapfile -t COMPREPLY < <(compgen -c -- "$current")
                        ;;
                *)
                        word=${word%%$'\t'*}
                        COMPREPLY+=("$(printf '%q' "${word#"$option"}")")
                        ;;
                esac
        done < <("${words[0]}" complete $((${#words[@]} - 1)) "${words[@]}" 2>/dev/null)
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        return 0
}
complete -F _udamonctl udamonctl
