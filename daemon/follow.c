/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following processes. */
#include "follow.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/parse.h"

static void closedirp(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

void follower_init(Follower *f, const RootFds *roots, const TargetConfig *specs, size_t n_specs) {
        *f = (Follower) { .roots = roots, .specs = specs, .n_specs = n_specs };
}

void follower_watch_exits(Follower *f, sd_event *event, follow_exit_t on_exit, void *userdata) {
        f->event = event;
        f->on_exit = on_exit;
        f->userdata = userdata;
}

static void followed_deinit(Followed *followed) {
        sd_event_source_disable_unref(followed->exit);
        pidref_close(&followed->ref);
}

void follower_deinit(Follower *f) {
        for (size_t i = 0; i < f->n_followed; i++)
                followed_deinit(&f->followed[i]);
        free(f->followed);
        *f = (Follower) {};
}

static bool is_followed(const Follower *f, pid_t pid, uint64_t start_time) {
        for (size_t i = 0; i < f->n_followed; i++)
                if (f->followed[i].ref.pid == pid && f->followed[i].ref.start_time == start_time)
                        return true;
        return false;
}

static int reserve_followed(Follower *f) {
        Followed *followed;
        size_t n;

        if (f->n_followed < f->allocated)
                return 0;

        n = MAX(f->allocated * 2, (size_t) 8);
        followed = reallocarray(f->followed, n, sizeof(*followed));
        if (!followed)
                return -ENOMEM;

        f->followed = followed;
        f->allocated = n;
        return 0;
}

static int on_pidfd(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        Follower *f = userdata;

        (void) events;
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        for (size_t i = 0; i < f->n_followed; i++)
                if (f->followed[i].ref.fd == fd) {
                        f->on_exit(f->userdata, f->followed[i].target);
                        break;
                }
        return 0;
}

/* Without a watch the end is noticed all the same, by the next look at its memory. */
static void watch_exit(Follower *f, Followed *followed) {
        if (followed->ref.fd < 0 || !f->event)
                return;
        if (sd_event_add_io(f->event, &followed->exit, followed->ref.fd, EPOLLIN, on_pidfd, f) < 0)
                return;
        /* before the next sampling is due, which could take a reused pid for the old process */
        (void) sd_event_source_set_priority(followed->exit, SD_EVENT_PRIORITY_IMPORTANT);
}

/* Offers a process, to be followed like `as`; forgets about it where it has gone meanwhile or is another one by
 * now. */
static int offer(Follower *f, const ProcStat *stat, const Followed *as, follow_add_t add, void *userdata) {
        PidRef ref;
        uint64_t target;
        int r;

        r = reserve_followed(f);
        if (r < 0)
                return r;
        r = pidref_open(&ref, f->roots, stat->pid);
        if (r != 0)
                return r;

        r = ref.start_time == stat->start_time ? add(userdata, &ref, stat, as->named, &target) : PIDREF_E_GONE;
        if (r != 0) {
                pidref_close(&ref);
                return r;
        }

        f->followed[f->n_followed++] = (Followed) {
                .ref = ref,
                .target = target,
                .address_space = 1,
                .children = as->children,
                .named = as->named,
                .spec = as->spec,
        };
        watch_exit(f, &f->followed[f->n_followed - 1]);
        return 0;
}

static uint32_t spec_for_pid(const Follower *f, pid_t pid) {
        size_t i = 0;

        while (i < f->n_specs && f->specs[i].pid != pid)
                i++;
        return (uint32_t) i;
}

int follower_add_pid(Follower *f, pid_t pid, bool children, follow_add_t add, void *userdata) {
        Followed as = { .children = children, .named = true, .spec = spec_for_pid(f, pid) };
        ProcStat stat;
        int r;

        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (is_followed(f, pid, stat.start_time))
                return 0;
        return offer(f, &stat, &as, add, userdata);
}

/* What may be watched of what was read: kernel threads have no memory of their own, zombies none left. */
static bool is_watchable(const ProcStat *stat) {
        return !(stat->flags & PROC_STAT_KTHREAD) && stat->state != 'Z' && stat->state != 'X';
}

static const TargetConfig *spec_for_command(const Follower *f, const char *command) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].command && streq(f->specs[i].command, command))
                        return &f->specs[i];
        return NULL;
}

static const Followed *followed_parent(const Follower *f, pid_t ppid) {
        for (size_t i = 0; i < f->n_followed; i++)
                if (f->followed[i].ref.pid == ppid && f->followed[i].children)
                        return &f->followed[i];
        return NULL;
}

typedef enum ScanFor {
        SCAN_COMMANDS,
        SCAN_CHILDREN,
} ScanFor;

static bool is_wanted(const Follower *f, const ProcStat *stat, ScanFor what, Followed *ret_as) {
        const TargetConfig *spec;
        const Followed *parent;

        if (!is_watchable(stat) || is_followed(f, stat->pid, stat->start_time))
                return false;

        if (what == SCAN_CHILDREN) {
                parent = followed_parent(f, stat->ppid);
                *ret_as = (Followed) { .children = true, .spec = parent ? parent->spec : 0 };
                return parent;
        }

        spec = spec_for_command(f, stat->comm);
        if (spec)
                *ret_as = (Followed) {
                        .children = spec->children,
                        .named = true,
                        .spec = (uint32_t) (spec - f->specs),
                };
        return spec;
}

static int look_at(Follower *f, pid_t pid, ScanFor what, follow_add_t add, void *userdata) {
        ProcStat stat;
        Followed as;
        int r;

        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (!is_wanted(f, &stat, what, &as))
                return 0;
        return offer(f, &stat, &as, add, userdata);
}

/* Reads the whole of /proc. A process that vanishes under way, or may not be looked at, is passed over;
 * only a lack of memory or of descriptors ends the scan. */
static int scan_all(Follower *f, ScanFor what, follow_add_t add, void *userdata) {
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
                r = look_at(f, pid, what, add, userdata);
                if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                        return r;
        }
        return 0;
}

int follower_scan_commands(Follower *f, follow_add_t add, void *userdata) {
        return follower_wants_commands(f) ? scan_all(f, SCAN_COMMANDS, add, userdata) : 0;
}

/* The kernel's list of one thread's children: pids with spaces between. */
static int scan_children_file(Follower *f, const char *path, follow_add_t add, void *userdata) {
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
                r = look_at(f, pid, SCAN_CHILDREN, add, userdata);
                if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                        return r;
        }
        return 0;
}

static int scan_threads(Follower *f, pid_t pid, follow_add_t add, void *userdata) {
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
                r = scan_children_file(f, path, add, userdata);
                if (r == -ENOENT)
                        /* the thread has gone, or no thread of this kernel has the file */
                        f->full_scans = faccessat(f->roots->proc, "thread-self/children", F_OK, 0) < 0;
                else if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                        return r;
        }
        return 0;
}

int follower_scan_children(Follower *f, follow_add_t add, void *userdata) {
        int r = 0;

        /* what is found on the way is appended, and looked at in its turn */
        for (size_t i = 0; i < f->n_followed && !f->full_scans && r >= 0; i++)
                if (f->followed[i].children)
                        r = scan_threads(f, f->followed[i].ref.pid, add, userdata);
        if (r < 0 || !f->full_scans)
                return r;
        return scan_all(f, SCAN_CHILDREN, add, userdata);
}

void follower_forget(Follower *f, uint64_t target) {
        Followed *followed = follower_find(f, target);

        if (!followed)
                return;
        followed_deinit(followed);
        *followed = f->followed[--f->n_followed];
}

Followed *follower_find(Follower *f, uint64_t target) {
        for (size_t i = 0; i < f->n_followed; i++)
                if (f->followed[i].target == target)
                        return &f->followed[i];
        return NULL;
}

bool follower_wants_commands(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].command)
                        return true;
        return false;
}
