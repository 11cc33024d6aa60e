# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of udamonctl for fish. What can come next is asked from udamonctl itself.

function __udamonctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete (count $words) $words "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
            case :commands
                __fish_complete_command
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c udamonctl -f -a '(__udamonctl_complete)'
