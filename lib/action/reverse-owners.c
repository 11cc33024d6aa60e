/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes may own pages that are charged to certain cgroups. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "action/reverse.h"
#include "base/dir.h"
#include "base/macro.h"
#include "kernel/scan.h"

#define PROCS_MAX ((size_t) 4 << 20)
#define DEPTH_MAX 32 /* of cgroups */

static int add_procs(int dir, PidList *list) {
        _cleanup_(pid_list_deinit) PidList procs = {};
        int r = read_whole_at(dir, "cgroup.procs", PROCS_MAX, &procs.text);

        if (r >= 0)
                r = cgroup_procs_parse(procs.text.data, &procs);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        for (size_t i = 0; i < procs.n && r == 0; i++)
                r = pid_list_add(list, procs.pids[i]);
        return r;
}

typedef struct Walk {
        const uint64_t *inodes;
        size_t n;
        size_t left; /* to be found */
        PidList *list;
} Walk;

static bool is_wanted(const Walk *walk, uint64_t inode) {
        for (size_t i = 0; i < walk->n; i++)
                if (walk->inodes[i] == inode)
                        return true;
        return false;
}

static int visit(Walk *walk, int parent, const char *name, unsigned depth) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        struct stat st;
        int fd, r = 0;

        if (dir_open_at(parent, name, O_NOFOLLOW, &dir) < 0)
                return 0;
        fd = dirfd(dir);
        if (fstat(fd, &st) == 0 && is_wanted(walk, st.st_ino)) {
                walk->left--;
                r = add_procs(fd, walk->list);
        }
        while (r == 0 && walk->left > 0 && depth < DEPTH_MAX && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
                        r = visit(walk, fd, entry->d_name, depth + 1);
        return r;
}

int owners_of_cgroups(const RootFds *roots, const uint64_t *inodes, size_t n, PidList *list) {
        Walk walk = { inodes, n, n, list };

        return roots->cgroup < 0 || n == 0 ? 0 : visit(&walk, roots->cgroup, ".", 0);
}

int owners_all(const RootFds *roots, PidList *list) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int r = 0;

        if (dir_open_at(roots->proc, ".", 0, &dir) < 0)
                return 0;
        while (r == 0 && (entry = readdir(dir))) {
                const char *p = entry->d_name;
                uint64_t pid;

                if (scan_decimal(&p, &pid) && !*p && pid > 0 && pid <= INT_MAX)
                        r = pid_list_add(list, (pid_t) pid);
        }
        return r;
}
