/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking for processes in /proc: by what they are, and as children of what is followed. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/parse.h"
#include "follow-internal.h"

static void closedirp(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

typedef enum ScanFor {
        SCAN_SPECS,
        SCAN_CHILDREN,
} ScanFor;

static bool find_spec(const Follower *f, const ProcStat *stat, Followed *ret_as) {
        uid_t uid = UID_NONE;

        for (size_t i = 0; i < f->n_specs; i++) {
                const FollowSpec *spec = &f->specs[i];

                if (spec->config->pid != 0 || spec_has_cgroup(spec))
                        continue;
                if (spec->config->user && uid == UID_NONE && proc_uid_read(f->roots, stat->pid, &uid) != 0)
                        return false;
                if (!spec_matches(spec, stat, uid, NULL))
                        continue;
                *ret_as = (Followed) {
                        .children = spec->config->children && spec->config->command,
                        .named = true,
                        .spec = (uint32_t) i,
                };
                return true;
        }
        return false;
}

/* Of a process with children; the cgroup and the user that were asked for hold for those as well. */
static bool is_child(Follower *f, const ProcStat *stat, Followed *ret_as) {
        const Followed *parent = follow_by_pid(f, stat->ppid);

        if (!parent || !parent->children)
                return false;
        *ret_as = (Followed) { .children = true, .spec = parent->spec };
        return true;
}

static int look_at(Follower *f, pid_t pid, ScanFor what) {
        ProcStat stat;
        Followed as;
        int r;

        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (!stat_is_watchable(&stat) || follow_knows(f, stat.pid, stat.start_time))
                return 0;
        if (!(what == SCAN_CHILDREN ? is_child(f, &stat, &as) : find_spec(f, &stat, &as)))
                return 0;
        return follow_offer(f, &stat, &as, NULL);
}

/* Reads the whole of /proc. A process that vanishes under way, or may not be looked at, is passed over. */
static int scan_all(Follower *f, ScanFor what) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int fd, r;

        fd = openat(f->roots->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                (void) close(fd);
                return -errno;
        }

        while ((entry = readdir(dir))) {
                pid_t pid;

                if (parse_pid(entry->d_name, &pid) != 0)
                        continue;
                r = look_at(f, pid, what);
                if (follow_is_fatal(r))
                        return r;
        }
        return 0;
}

static bool searches_proc(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->pid == 0 && !spec_has_cgroup(&f->specs[i]))
                        return true;
        return false;
}

int follow_scan_proc(Follower *f) {
        return searches_proc(f) ? scan_all(f, SCAN_SPECS) : 0;
}

/* The kernel's list of one thread's children: pids with spaces between. */
static int scan_children_file(Follower *f, const char *path) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        char *state = NULL;
        int r;

        r = read_whole_at(f->roots->proc, path, 1024 * 1024, &buffer);
        if (r < 0)
                return r;

        for (char *word = strtok_r(buffer.data, " \n", &state); word; word = strtok_r(NULL, " \n", &state)) {
                pid_t pid;

                if (parse_pid(word, &pid) != 0)
                        continue;
                r = look_at(f, pid, SCAN_CHILDREN);
                if (follow_is_fatal(r))
                        return r;
        }
        return 0;
}

static int scan_threads(Follower *f, pid_t pid) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        char path[96];
        int fd, r;

        (void) snprintf(path, sizeof(path), "%d/task", (int) pid);
        fd = openat(f->roots->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        dir = fdopendir(fd);
        if (!dir) {
                (void) close(fd);
                return -errno;
        }

        while ((entry = readdir(dir))) {
                if (!isdigit((unsigned char) entry->d_name[0]))
                        continue;
                (void) snprintf(path, sizeof(path), "%d/task/%.16s/children", (int) pid, entry->d_name);
                r = scan_children_file(f, path);
                if (r == -ENOENT)
                        /* the thread has gone, or no thread of this kernel has the file */
                        f->full_scans = faccessat(f->roots->proc, "thread-self/children", F_OK, 0) < 0;
                else if (follow_is_fatal(r))
                        return r;
        }
        return 0;
}

int follow_scan_children(Follower *f) {
        bool any = false;
        int r = 0;

        /* what is found on the way is appended, and looked at in its turn */
        for (size_t i = 0; i < f->n_followed && r >= 0; i++) {
                if (!f->followed[i].children || f->followed[i].over)
                        continue;
                any = true;
                if (!f->full_scans)
                        r = scan_threads(f, f->followed[i].ref.pid);
        }
        if (r < 0 || !f->full_scans || !any)
                return r;
        return scan_all(f, SCAN_CHILDREN);
}
