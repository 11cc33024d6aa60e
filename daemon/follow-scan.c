/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking for processes in /proc, at a price that does not depend on how many there are.
 *
 * The kernel gives pids away one after the other, and tells the last one (loadavg): so what is new since the last scan
 * are the pids in between, which are looked at, and again a few times more, for a process takes its name only with its
 * exec. Whatever escaped that, or becomes what is looked for later in its life, is found by a round through /proc that
 * goes on by a few processes at a time. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/dir.h"
#include "base/parse.h"
#include "follow-internal.h"
#include "kernel/scan.h"

#define SLICE 64         /* processes of the round, per scan */
#define SLICE_FIRST 512  /* … of the first one */
#define FRESH_MAX 1024   /* new pids, per scan: with more, a round begins at once */
#define YOUNG_LOOKS 3    /* after the first */
#define YOUNG_LOOKS_BUSY 1 /* … where many are new */
#define FRESH_BUSY 64
#define YOUNG_MAX 4096
#define PARENTS_AT_A_TIME 8 /* whose lists of children are read, in case that something was overlooked */
#define CHILDREN_INTERVAL (10 * NSEC_PER_SEC) /* likewise, where there are no such lists */

/* ---- One process ---- */

typedef enum ScanFor {
        SCAN_SPECS = 1 << 0,
        SCAN_CHILDREN = 1 << 1,
        SCAN_THREADS = 1 << 2, /* the number may be a thread's */
} ScanFor;

typedef enum Look {
        LOOK_NOTHING, /* not there, or never to be a target */
        LOOK_OTHER,   /* not what is looked for, now */
        LOOK_SMALL,   /* … but for its size */
        LOOK_YOUNG,   /* … but for its age */
        LOOK_KNOWN,   /* followed, now or before */
} Look;

static SpecFit find_spec(const Follower *f, const ProcStat *stat, Followed *ret_as) {
        SpecFit best = SPEC_NOT;

        for (size_t i = 0; i < f->n_specs && best != SPEC_FITS; i++) {
                const FollowSpec *spec = &f->specs[i];
                SpecFit fit;

                if (spec->config->pid != 0 || spec_has_cgroup(spec))
                        continue;
                fit = spec_fits(spec, f->roots, stat, NULL);
                best = MAX(best, fit);
                if (fit == SPEC_FITS)
                        *ret_as = (Followed) {
                                .children = spec->config->children && spec->config->command,
                                .named = true,
                                .spec = (uint32_t) i,
                        };
        }
        return best;
}

static bool is_child(Follower *f, const ProcStat *stat, Followed *ret_as) {
        const Followed *parent = follower_find_pid(f, stat->ppid);

        if (!parent || !parent->children)
                return false;
        *ret_as = (Followed) { .children = true, .spec = parent->spec };
        return true;
}

/* A thread's number leads to a directory of its own, though /proc does not list it. */
static bool is_thread(const Follower *f, pid_t pid) {
        _cleanup_(buffer_deinit) Buffer status = {};
        const char *group;
        char path[32];

        (void) snprintf(path, sizeof(path), "%d/status", (int) pid);
        if (read_whole_at(f->roots->proc, path, 65536, &status) < 0)
                return true;
        group = strstr(status.data, "\nTgid:\t");
        return group && atoi(group + strlen("\nTgid:\t")) != pid;
}

/* *ret_born: when one began that is too young, else 0. */
static int look_closely(Follower *f, pid_t pid, ScanFor what, Look *ret, nsec_t *ret_born) {
        SpecFit fit = SPEC_NOT;
        ProcStat stat;
        Followed as;
        int r;

        *ret_born = 0;
        *ret = LOOK_NOTHING;
        if (follow_is_certain(f, pid)) {
                *ret = LOOK_KNOWN;
                return 0;
        }
        f->looks++;
        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (!stat_is_watchable(&stat))
                return 0;
        *ret = LOOK_KNOWN;
        if (follow_knows(f, stat.pid, stat.start_time))
                return 0;
        if (what & SCAN_CHILDREN && is_child(f, &stat, &as))
                fit = SPEC_FITS;
        else if (what & SCAN_SPECS)
                fit = find_spec(f, &stat, &as);
        if (fit != SPEC_FITS) {
                *ret = fit == SPEC_SMALL ? LOOK_SMALL : LOOK_OTHER;
                return 0;
        }
        if (what & SCAN_THREADS && is_thread(f, pid)) {
                *ret = LOOK_NOTHING;
                return 0;
        }
        if (!follow_is_ripe(f, &stat, ret_born)) {
                *ret = LOOK_YOUNG;
                return 0;
        }
        *ret_born = 0;
        r = follow_offer(f, &stat, &as, NULL);
        if (r == FOLLOW_E_NO_ROOM || r == FOLLOW_E_NO_DESCRIPTORS)
                *ret = LOOK_SMALL; /* another time, as those that are too small */
        return r;
}

static int look_at(Follower *f, pid_t pid, ScanFor what, Look *ret) {
        nsec_t born;

        return look_closely(f, pid, what, ret, &born);
}

/* ---- The round ---- */

/* Goes on by n processes. A process that vanishes under way, or may not be looked at, is passed over. */
static int go_round(Follower *f, size_t n, ScanFor what) {
        int r;

        if (!f->round) {
                r = dir_open_at(f->roots->proc, ".", 0, &f->round);
                if (r < 0)
                        return r;
        }
        while (n > 0) {
                struct dirent *entry = readdir(f->round);
                pid_t pid;
                Look look;

                if (!entry) {
                        rewinddir(f->round);
                        f->hasten = false;
                        return 0;
                }
                if (parse_pid(entry->d_name, &pid) != 0)
                        continue;
                n--;
                r = look_at(f, pid, what, &look);
                if (follow_is_fatal(r))
                        return r;
                if (look == LOOK_SMALL)
                        others_note(&f->small, pid, f->pass);
        }
        if (f->hasten)
                f->events.wake(f->events.userdata);
        return 0;
}

/* ---- What is new ---- */

/* The last pid that was given away, from "0.00 0.01 0.05 1/123 4567". */
int loadavg_parse(const char *text, pid_t *ret) {
        const char *p = strrchr(text, ' ');
        uint64_t pid;

        if (!p)
                return -EBADMSG;
        p++;
        if (!scan_decimal(&p, &pid) || pid > INT32_MAX)
                return -EBADMSG;
        *ret = (pid_t) pid;
        return 0;
}

static int last_pid(const Follower *f, pid_t *ret) {
        char text[128];
        ssize_t n = read_small_at(f->roots->proc, "loadavg", text, sizeof(text));

        return n < 0 ? (int) n : loadavg_parse(text, ret);
}

/* Whether that /proc counts pids as loadavg does: not if it is another namespace's than ours. */
static bool counts_our_pids(const Follower *f) {
        char own[16] = {}, self[16];

        if (readlinkat(f->roots->proc, "self", own, sizeof(own) - 1) < 0)
                return errno == ENOENT; /* recorded */
        (void) snprintf(self, sizeof(self), "%d", (int) getpid());
        return streq(own, self);
}

static int look_at_new(Follower *f, pid_t pid, ScanFor what, unsigned looks) {
        nsec_t born;
        Look look;
        int r;

        r = look_closely(f, pid, what | SCAN_THREADS, &look, &born);
        if (look == LOOK_SMALL)
                others_note(&f->small, pid, f->pass);
        else if ((look == LOOK_OTHER || look == LOOK_YOUNG) && f->n_young < YOUNG_MAX)
                f->young[f->n_young++] = (FollowYoung) { .pid = pid, .looks = looks, .born = born };
        return follow_is_fatal(r) ? r : 0;
}

static int look_at_fresh(Follower *f, ScanFor what) {
        pid_t last, first;
        unsigned looks;
        int r = 0;

        if (!counts_our_pids(f) || last_pid(f, &last) < 0) {
                f->uncounted = true;
                return 0;
        }
        f->uncounted = false;
        if (f->last_pid > 0 && last < f->last_pid) {
                /* they begin anew: rare enough for a look at all that there is */
                f->hasten = true;
                f->last_pid = 0;
        }
        if (last - f->last_pid > FRESH_MAX && f->last_pid > 0) {
                f->hasten = true;
                f->last_pid = last - FRESH_MAX;
        }
        first = f->last_pid > 0 ? f->last_pid + 1 : MAX(last - FRESH_MAX, 0) + 1;
        looks = last - first < FRESH_BUSY ? YOUNG_LOOKS : YOUNG_LOOKS_BUSY;
        for (pid_t pid = first; pid <= last && r == 0; pid++)
                r = look_at_new(f, pid, what, looks);
        f->last_pid = last;
        return r;
}

/* Those that were new lately. */
static int look_at_young(Follower *f, ScanFor what) {
        size_t kept = 0;
        int r = 0;

        for (size_t i = 0; i < f->n_young && r == 0; i++) {
                FollowYoung young = f->young[i];
                Look look = LOOK_YOUNG;

                if (young.born <= f->before)
                        r = look_closely(f, young.pid, what | SCAN_THREADS, &look, &young.born);
                r = follow_is_fatal(r) ? r : 0;
                if (look == LOOK_SMALL)
                        others_note(&f->small, young.pid, f->pass);
                if (look == LOOK_YOUNG || (look == LOOK_OTHER && --young.looks > 0))
                        f->young[kept++] = young;
        }
        f->n_young = kept;
        return r;
}

/* Those that lack nothing but size; in turns. */
static int look_at_small(Follower *f) {
        size_t n = f->small.n;
        int r = 0;

        for (size_t i = n; i > 0 && r == 0; i--) {
                pid_t pid = f->small.others[i - 1].pid;
                Look look;

                if (!others_is_due(&f->small, pid, f->pass, NSEC_INFINITY))
                        continue;
                r = look_at(f, pid, SCAN_SPECS, &look);
                r = follow_is_fatal(r) ? r : 0;
                if (look != LOOK_SMALL)
                        others_forget(&f->small, pid);
        }
        return r;
}

static bool searches_proc(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->pid == 0 && !spec_has_cgroup(&f->specs[i]))
                        return true;
        return false;
}

static bool follows_children(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->children && (f->specs[i].config->pid != 0 || f->specs[i].config->command))
                        return true;
        return false;
}

int follow_scan_proc(Follower *f) {
        ScanFor what = (searches_proc(f) ? SCAN_SPECS : 0) | (follows_children(f) ? SCAN_CHILDREN : 0);
        int r = 0;

        if (what == 0)
                return 0;
        if (!f->young) {
                f->young = calloc(YOUNG_MAX, sizeof(*f->young));
                if (!f->young)
                        return -ENOMEM;
                f->hasten = true;
        }
        r = look_at_young(f, what);
        if (r == 0)
                r = look_at_fresh(f, what);
        if (r == 0 && what & SCAN_SPECS)
                r = look_at_small(f);
        if (r == 0 && what & SCAN_SPECS)
                r = go_round(f, f->hasten || f->uncounted ? SLICE_FIRST : SLICE, what);
        return r;
}

void follow_end_scan(Follower *f) {
        closedirp(&f->round);
        others_deinit(&f->small);
        free(f->young);
}

/* ---- Children ---- */

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
                Look look;

                if (parse_pid(word, &pid) != 0)
                        continue;
                r = look_at(f, pid, SCAN_CHILDREN, &look);
                if (follow_is_fatal(r))
                        return r;
        }
        return 0;
}

static int scan_threads(Follower *f, pid_t pid) {
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        char path[96];
        int r;

        (void) snprintf(path, sizeof(path), "%d/task", (int) pid);
        r = dir_open_at(f->roots->proc, path, 0, &dir);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

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

/* This kernel has no lists of children: everybody is asked for his parent. */
static int ask_all(Follower *f) {
        _cleanup_(closedirp) DIR *dir = NULL;
        DIR *round = TAKE_PTR(f->round);
        bool hasten = f->hasten;
        int r;

        f->hasten = false;
        r = go_round(f, SIZE_MAX, SCAN_CHILDREN);
        dir = f->round;
        f->round = round;
        f->hasten = hasten;
        return r;
}

int follow_scan_children(Follower *f, nsec_t now) {
        bool all = f->uncounted || (f->full_scans && now >= f->next_children), any = false;
        size_t n = f->n_followed, first = f->next_parent % MAX(n, (size_t) 1);
        int r = 0;

        if (all)
                f->next_children = now + CHILDREN_INTERVAL;
        f->next_parent = first + MIN(n, (size_t) PARENTS_AT_A_TIME);
        /* what is found on the way is appended, and looked at in its turn */
        for (size_t i = 0; i < f->n_followed && r >= 0; i++) {
                Followed *followed = &f->followed[i];

                bool turn = !f->full_scans && i < n && (i + n - first) % n < PARENTS_AT_A_TIME;

                if (!followed->children || followed->over || (followed->scanned && !all && !turn))
                        continue;
                followed->scanned = true;
                any = true;
                if (!f->full_scans)
                        r = scan_threads(f, followed->ref.pid);
        }
        if (r < 0 || !f->full_scans || !any)
                return r;
        return ask_all(f);
}
