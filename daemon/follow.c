/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following processes: the list of those that are, and how one gets on it and off. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"
#include "follow-internal.h"

/* ---- Specs ---- */

static uid_t find_user(const char *user) {
        char buffer[16384];
        struct passwd entry, *found = NULL;
        uint64_t uid;

        if (parse_u64(user, &uid) == 0 && uid < UID_NONE)
                return (uid_t) uid;
        if (getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
                return UID_NONE;
        return found->pw_uid;
}

int follower_init(Follower *f, const RootFds *roots, const TargetConfig *targets, size_t n,
                  const FollowEvents *events, sd_event *event) {
        *f = (Follower) { .roots = roots, .events = *events, .event = event, .cgroups = { .inotify = -1 } };
        f->specs = calloc(MAX(n, (size_t) 1), sizeof(*f->specs));
        if (!f->specs)
                return -ENOMEM;
        for (; f->n_specs < n; f->n_specs++)
                f->specs[f->n_specs] = (FollowSpec) {
                        .config = &targets[f->n_specs],
                        .uid = targets[f->n_specs].user ? find_user(targets[f->n_specs].user) : UID_NONE,
                };
        return follow_start_cgroups(f);
}

/* Waits for the end of one process; the list of those that are followed moves meanwhile. */
typedef struct FollowExit {
        Follower *follower;
        uint64_t target;
        sd_event_source *source;
} FollowExit;

static FollowExit *exit_free(FollowExit *watch) {
        if (watch)
                sd_event_source_disable_unref(watch->source);
        free(watch);
        return NULL;
}

static void followed_deinit(Followed *followed) {
        followed->exit = exit_free(followed->exit);
        pidref_close(&followed->ref);
        free(followed->cgroup);
}

void follower_deinit(Follower *f) {
        for (size_t i = 0; i < f->n_followed; i++)
                followed_deinit(&f->followed[i]);
        free(f->followed);
        free(f->by_pid);
        free(f->specs);
        sd_event_source_disable_unref(f->inotify);
        if (f->has_cgroups)
                cgroup_watch_deinit(&f->cgroups);
        pid_list_deinit(&f->procs);
        others_deinit(&f->others);
        follow_end_scan(f);
        *f = (Follower) {};
}

bool follower_can_grow(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->pid == 0)
                        return true;
        return false;
}

/* ---- The list ---- */

/* Where the pid is, or would be. */
static size_t place_of_pid(const Follower *f, pid_t pid) {
        size_t low = 0, high = f->n_by_pid;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (f->by_pid[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Followed *follower_find(Follower *f, uint64_t target) {
        size_t low = 0, high = f->n_followed;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (f->followed[middle].target < target)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < f->n_followed && f->followed[low].target == target ? &f->followed[low] : NULL;
}

Followed *follower_find_pid(Follower *f, pid_t pid) {
        size_t i = place_of_pid(f, pid);

        return i < f->n_by_pid && f->by_pid[i].pid == pid ? follower_find(f, f->by_pid[i].target) : NULL;
}

bool follow_knows(Follower *f, pid_t pid, uint64_t start_time) {
        const Followed *followed = follower_find_pid(f, pid);

        return followed && followed->ref.start_time == start_time;
}

bool follow_is_certain(Follower *f, pid_t pid) {
        const Followed *followed = follower_find_pid(f, pid);

        return followed && followed->ref.fd >= 0 && pidref_alive(&followed->ref, f->roots);
}

static int reserve(Follower *f) {
        struct FollowedPid *by_pid;
        Followed *followed;
        size_t n;

        if (f->n_followed < f->allocated)
                return 0;

        n = MAX(f->allocated * 2, (size_t) 8);
        followed = reallocarray(f->followed, n, sizeof(*followed));
        if (!followed)
                return -ENOMEM;
        f->followed = followed;
        by_pid = reallocarray(f->by_pid, n, sizeof(*by_pid));
        if (!by_pid)
                return -ENOMEM;
        f->by_pid = by_pid;
        f->allocated = n;
        return 0;
}

static void index_pid(Follower *f, const Followed *followed) {
        size_t i = place_of_pid(f, followed->ref.pid);

        memmove(&f->by_pid[i + 1], &f->by_pid[i], (f->n_by_pid - i) * sizeof(*f->by_pid));
        f->by_pid[i] = (struct FollowedPid) { followed->ref.pid, followed->target };
        f->n_by_pid++;
}

/* From now on its pid may be another's. */
static void put_aside(Follower *f, Followed *followed, FollowEnd how) {
        size_t i = place_of_pid(f, followed->ref.pid);

        if (followed->over)
                return;
        if (followed->spec < f->n_specs) {
                FollowSpec *spec = &f->specs[followed->spec];

                spec->n_targets--;
                spec->n_ended += how == FOLLOW_EXITED;
                spec->n_left += how == FOLLOW_LEFT;
        }
        assert(i < f->n_by_pid && f->by_pid[i].target == followed->target);
        memmove(&f->by_pid[i], &f->by_pid[i + 1], (f->n_by_pid - i - 1) * sizeof(*f->by_pid));
        f->n_by_pid--;
        followed->over = true;
        followed->exit = exit_free(followed->exit);
        closep(&followed->ref.fd);
        followed->ref.fd = -1;
}

void follower_forget(Follower *f, uint64_t target) {
        Followed *followed = follower_find(f, target);
        size_t i;

        if (!followed)
                return;
        put_aside(f, followed, FOLLOW_EXITED);
        followed_deinit(followed);
        i = (size_t) (followed - f->followed);
        memmove(followed, followed + 1, (f->n_followed - i - 1) * sizeof(*followed));
        f->n_followed--;
}

void follow_leave(Follower *f, Followed *followed) {
        uint64_t target = followed->target;

        put_aside(f, followed, FOLLOW_LEFT);
        f->events.end(f->events.userdata, target, FOLLOW_LEFT);
}

void follower_leave(Follower *f, uint64_t target) {
        Followed *followed = follower_find(f, target);

        if (followed && !followed->over)
                follow_leave(f, followed);
}

static int on_pidfd(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        const FollowExit *watch = userdata;
        uint64_t target = watch->target;
        Follower *f = watch->follower;
        Followed *followed = follower_find(f, target);

        (void) fd;
        (void) events;
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        if (!followed || followed->over)
                return 0;
        put_aside(f, followed, FOLLOW_EXITED);
        f->events.end(f->events.userdata, target, FOLLOW_EXITED);
        return 0;
}

/* Without a watch the end is noticed all the same, by the next look at its memory. */
static void watch_exit(Follower *f, Followed *followed) {
        FollowExit *watch;

        if (followed->ref.fd < 0 || !f->event)
                return;
        watch = calloc(1, sizeof(*watch));
        if (!watch)
                return;
        *watch = (FollowExit) { .follower = f, .target = followed->target };
        if (sd_event_add_io(f->event, &watch->source, followed->ref.fd, EPOLLIN, on_pidfd, watch) < 0) {
                exit_free(watch);
                return;
        }
        /* before the next sampling is due, which could take a reused pid for the old process */
        (void) sd_event_source_set_priority(watch->source, SD_EVENT_PRIORITY_IMPORTANT);
        followed->exit = watch;
}

/* ---- Offers ---- */

bool follow_is_fatal(int r) {
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE;
}

/* What is told of it beside what the monitor knows; nothing of that is worth losing it for. */
static void describe(Follower *f, Followed *followed, const char *cgroup) {
        followed->cgroup = cgroup ? strdup(cgroup) : NULL;
        if (!cgroup)
                (void) proc_cgroup_read(f->roots, followed->ref.pid, &followed->cgroup);
        followed->uid = UID_NONE;
        (void) proc_uid_read(f->roots, followed->ref.pid, &followed->uid);
}

static bool is_news(const Follower *f, const Followed *as) {
        const TargetConfig *spec = as->spec < f->n_specs ? f->specs[as->spec].config : NULL;

        return as->named && (!spec || spec->pid != 0 || spec->command);
}

int follow_offer(Follower *f, const ProcStat *stat, const Followed *as, const char *cgroup) {
        Followed *followed, *before = follower_find_pid(f, stat->pid);
        PidRef ref;
        uint64_t target;
        int r;

        r = reserve(f);
        if (r < 0)
                return r;
        r = pidref_open(&ref, f->roots, stat->pid, NULL);
        if (r != 0)
                return r;
        if (ref.start_time != stat->start_time) {
                pidref_close(&ref);
                return PIDREF_E_GONE;
        }
        if (before) {
                /* another one has its pid, and nothing told: this kernel has no pidfds */
                target = before->target;
                put_aside(f, before, FOLLOW_EXITED);
                f->events.end(f->events.userdata, target, FOLLOW_EXITED);
        }

        r = f->events.add(f->events.userdata, &ref, stat, is_news(f, as), &target);
        if (r != 0) {
                f->n_no_room += r == FOLLOW_E_NO_ROOM || r == FOLLOW_E_NO_DESCRIPTORS;
                pidref_close(&ref);
                return r;
        }

        assert(f->n_followed == 0 || f->followed[f->n_followed - 1].target < target);
        followed = &f->followed[f->n_followed++];
        *followed = (Followed) {
                .ref = ref,
                .target = target,
                .address_space = 1,
                .children = as->children,
                .named = as->named,
                .news = is_news(f, as),
                .spec = as->spec,
                .since = clock_nsec(CLOCK_MONOTONIC),
                .pass = f->pass,
        };
        describe(f, followed, cgroup);
        index_pid(f, followed);
        if (as->spec < f->n_specs) {
                f->specs[as->spec].n_targets++;
                f->specs[as->spec].n_found++;
        }
        watch_exit(f, followed);
        return 0;
}

bool follow_is_ripe(Follower *f, const ProcStat *stat, nsec_t *ret_born) {
        *ret_born = proc_stat_born(stat);
        f->n_new++;
        return *ret_born <= f->before;
}

#define PATIENCE_MAX (30 * NSEC_PER_SEC)
#define PATIENCE_SHARE 0.1 /* of what the daemon may use, for one follower */
#define NEW_FEW 4          /* a second: there is no reason to be patient */

void follower_govern(Follower *f, double ratio, double used, nsec_t elapsed) {
        bool few = (double) f->n_new * (double) NSEC_PER_SEC < NEW_FEW * (double) elapsed;

        f->n_new = 0;
        if (!few && ratio > 1 && used > PATIENCE_SHARE)
                f->patience = CLAMP(f->patience * 2, NSEC_PER_SEC, PATIENCE_MAX);
        else if (few || (ratio < 1 && used < PATIENCE_SHARE))
                f->patience = f->patience >= 2 * NSEC_PER_SEC ? f->patience / 2 : 0;
}

static uint32_t spec_for_pid(const Follower *f, pid_t pid) {
        size_t i = 0;

        while (i < f->n_specs && f->specs[i].config->pid != pid)
                i++;
        return (uint32_t) i;
}

int follower_add_pid(Follower *f, pid_t pid) {
        Followed as = { .named = true, .spec = spec_for_pid(f, pid) };
        ProcStat stat;
        int r;

        as.children = as.spec < f->n_specs && f->specs[as.spec].config->children;
        r = proc_stat_read(f->roots, pid, &stat);
        if (r != 0)
                return r;
        if (follow_knows(f, pid, stat.start_time))
                return 0;
        return follow_offer(f, &stat, &as, NULL);
}

/* ---- Scans ---- */

#define USERS_AT_A_TIME 64
#define USERS_TO_TELL 8 /* where that is only told */
#define USERS_INTERVAL (30 * NSEC_PER_SEC)

static bool asks_for_users(const Follower *f) {
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->user)
                        return true;
        return false;
}

/* Who changes his user is another's. A few at a time: that is rare. */
static void check_users(Follower *f) {
        size_t n = asks_for_users(f) ? USERS_AT_A_TIME : USERS_TO_TELL;

        for (size_t i = 0; i < MIN(f->n_followed, n); i++) {
                Followed *followed = &f->followed[f->next_user++ % f->n_followed];
                const FollowSpec *spec = followed->spec < f->n_specs ? &f->specs[followed->spec] : NULL;
                uid_t uid;

                if (followed->over || proc_uid_read(f->roots, followed->ref.pid, &uid) != 0)
                        continue;
                followed->uid = uid;
                if (spec && spec->config->user && spec->uid != uid && pidref_alive(&followed->ref, f->roots))
                        follow_leave(f, followed);
        }
}

/* Users come and go, too. */
static void find_users(Follower *f, nsec_t now) {
        if (now < f->next_users)
                return;
        f->next_users = now + USERS_INTERVAL;
        for (size_t i = 0; i < f->n_specs; i++)
                if (f->specs[i].config->user && f->specs[i].uid == UID_NONE)
                        f->specs[i].uid = find_user(f->specs[i].config->user);
}

int follower_scan(Follower *f, nsec_t now) {
        int r;

        f->pass++;
        f->before = clock_nsec(CLOCK_BOOTTIME) - f->patience;
        find_users(f, now);
        check_users(f);
        r = follow_scan_cgroups(f, now);
        if (r >= 0)
                r = follow_scan_proc(f);
        return r < 0 ? r : follow_scan_children(f, now);
}

static bool is_plain_command(const TargetConfig *t) {
        return t->command && !t->cgroup && !t->unit && !t->user && t->min_rss == 0;
}

static const char *spec_waits_for(const Follower *f, const FollowSpec *spec) {
        if (spec->config->pid != 0)
                return "it has ended";
        if (spec->config->user && spec->uid == UID_NONE)
                return "there is no such user";
        if (spec_has_cgroup(spec) && f->no_hierarchy)
                return "there is no unified hierarchy of cgroups (v2) here";
        if (spec_has_cgroup(spec) && spec->n_cgroups == 0)
                return spec->config->unit ? "the unit does not run" : "there is no such cgroup";
        return "no such process runs";
}

const char *follower_spec_waits_for(const Follower *f, size_t i) {
        return f->specs[i].n_targets > 0 ? NULL : spec_waits_for(f, &f->specs[i]);
}

char *follower_waits_for(const Follower *f) {
        char *text = NULL;

        for (size_t i = 0; i < f->n_specs; i++) {
                const FollowSpec *spec = &f->specs[i];
                _cleanup_free_ char *what = NULL;

                if (spec->config->pid != 0)
                        continue;
                if (is_plain_command(spec->config))
                        return strdup("no process of that name runs");
                what = target_config_text(spec->config);
                if (!what || asprintf(&text, "%s: %s", what, spec_waits_for(f, spec)) < 0)
                        return NULL;
                return text;
        }
        return NULL;
}
