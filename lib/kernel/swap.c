/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a process may go to swap. */
#include "kernel/swap.h"

#include <stdio.h>

#include "base/macro.h"
#include "kernel/cgroup.h"
#include "kernel/scan.h"

#define FILE_MAX ((size_t) 1 << 16)

/* A number of bytes; "max" and what cannot be read are UINT64_MAX. */
static uint64_t read_limit(int dir, const char *name) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        uint64_t value;
        const char *p;

        if (read_whole_at(dir, name, FILE_MAX, &buffer) < 0)
                return UINT64_MAX;
        p = buffer.data;
        return scan_decimal(&p, &value) ? value : UINT64_MAX;
}

static uint64_t room_of(const RootFds *roots, const char *cgroup) {
        _cleanup_close_ int dir = cgroup_open(roots, cgroup);
        uint64_t max, used;

        if (dir < 0)
                return UINT64_MAX;
        max = read_limit(dir, "memory.swap.max");
        if (max == UINT64_MAX)
                return max;
        used = read_limit(dir, "memory.swap.current");
        return used == UINT64_MAX ? max : max - MIN(used, max);
}

uint64_t swap_room_of_cgroups(const RootFds *roots, pid_t pid) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        uint64_t room = UINT64_MAX;
        char path[32], *cgroup;

        (void) snprintf(path, sizeof(path), "%d/cgroup", (int) pid);
        if (read_whole_at(roots->proc, path, FILE_MAX, &buffer) < 0)
                return room;

        cgroup = strstr(buffer.data, "0::/");
        if (!cgroup || (cgroup > buffer.data && cgroup[-1] != '\n'))
                return room;
        cgroup += strlen("0::");
        cgroup[strcspn(cgroup, "\n")] = '\0';

        /* the root has no limits */
        while (strlen(cgroup) > 1) {
                room = MIN(room, room_of(roots, cgroup));
                *strrchr(cgroup, '/') = '\0';
        }
        return room;
}
