/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes that a running monitor watches: found, let go, renamed. */
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"
#include "engine-internal.h"
#include "event.h"
#include "log.h"

/* A map that is read in vain every second costs little; a child that is noticed late is lost. */
#define FOLLOW_INTERVAL NSEC_PER_SEC

/* After news, others may be on their way; and news by the hundred are not looked into one by one. */
#define FOLLOW_SOON (10 * NSEC_PER_MSEC)
#define FOLLOW_LEAST (100 * NSEC_PER_MSEC)

/* Without targets the loop rests; with the first one it goes on. */
static void wake(Engine *e) {
        if (!e->step_timer || monitor_n_targets(e->monitor) != 1)
                return;
        (void) sd_event_source_set_time(e->step_timer, 0);
        (void) sd_event_source_set_enabled(e->step_timer, SD_EVENT_ONESHOT);
}

/* Children, and processes of whole cgroups and users, come and go by the thousand: that is no news. */
static void tell_target(const Engine *e, EventKind kind, bool news, const char *command, pid_t pid) {
        static const struct {
                const char *before;
                const char *after;
        } words[] = {
                [EVENT_TARGET_FOUND] = { "watching ", "" },
                [EVENT_TARGET_ENDED] = { "", " has ended" },
                [EVENT_TARGET_DENIED] = { "may not look at ", " any more" },
                [EVENT_TARGET_LEFT] = { "", " is not what is to be watched any more" },
        };
        const char *before = words[kind].before, *after = words[kind].after;
        const Event event = { .kind = kind, .monitor = e->config.name, .pid = pid };

        if (news)
                event_report(&event, "%s%s (pid %d)%s", before, command, (int) pid, after);
        else
                log_debug("monitor '%s': %s%s (pid %d)%s", e->config.name, before, command, (int) pid, after);
}

static int tell_full(Engine *e, int r) {
        const Event event = { .kind = EVENT_LIMIT_HIT, .monitor = e->config.name };

        if (e->told_full)
                return r;
        e->told_full = true;
        if (r == FOLLOW_E_NO_ROOM)
                event_report(&event, "nr_regions.max has room for %zu targets: other processes are not watched",
                             monitor_targets_max(e->monitor));
        else
                event_report(&event, "the limit on open files has room for %zu targets: other processes are not "
                                     "watched", monitor_n_targets(e->monitor));
        return r;
}

/* What targets leave to clients, and to reading maps. They are given away from the lowest number on. */
#define DESCRIPTORS_KEPT 128

static bool has_descriptors(int fd) {
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) < 0 || fd < 0 ||
               (rlim_t) fd < limit.rlim_cur - MIN(limit.rlim_cur / 4, (rlim_t) DESCRIPTORS_KEPT);
}

static bool any_has_ended(const Engine *e) {
        for (size_t i = 0; i < monitor_n_targets(e->monitor); i++)
                if (monitor_target(e->monitor, i)->state != TARGET_RUNNING)
                        return true;
        return false;
}

/* Forked by a target, and no other program since: it has that one's memory, as far as both have not written to it. */
static void find_heritage(Engine *e, const ProcStat *stat, uint64_t target) {
        const Followed *parent = follower_find_pid(&e->follower, stat->ppid);
        nsec_t now = clock_nsec(CLOCK_MONOTONIC), boot = clock_nsec(CLOCK_BOOTTIME), age;

        if (!parent || !(stat->flags & PROC_STAT_FORKNOEXEC))
                return;
        age = boot - MIN(proc_stat_born(stat), boot);
        monitor_inherit(e->monitor, target, parent->target, now - MIN(age, now));
}

/* A process becomes a target (follow_add_t). */
static int add_target(void *userdata, const PidRef *ref, const ProcStat *stat, bool news, uint64_t *ret_target) {
        Engine *e = userdata;
        Space *space;
        int r;

        if (monitor_n_targets(e->monitor) >= monitor_targets_max(e->monitor)) {
                e->crowded = true;
                return any_has_ended(e) ? FOLLOW_E_NO_ROOM : tell_full(e, FOLLOW_E_NO_ROOM);
        }
        if (!has_descriptors(ref->fd))
                return tell_full(e, FOLLOW_E_NO_DESCRIPTORS);
        r = e->source->ops->attach(e->source, ref->pid, &space);
        if (r != 0)
                return r;
        /* it is the process that was meant only if that one lives still, now that we hold on to it */
        if (!pidref_alive(ref, e->host.roots)) {
                e->source->ops->detach(e->source, space);
                return PIDREF_E_GONE;
        }

        r = monitor_add_target(e->monitor, ref->pid, stat->comm, space, ret_target);
        if (r < 0)
                return r;

        find_heritage(e, stat, *ret_target);
        wake(e);
        tell_target(e, EVENT_TARGET_FOUND, news, stat->comm, ref->pid);
        return 0;
}

static void tell_ended(Engine *e, const Target *target) {
        const Followed *followed = follower_find(&e->follower, target->id);

        if (target->state == TARGET_DENIED)
                tell_target(e, EVENT_TARGET_DENIED, true, target->command, target->pid);
        else
                tell_target(e, target->state == TARGET_LEFT ? EVENT_TARGET_LEFT : EVENT_TARGET_ENDED,
                            followed && followed->news, target->command, target->pid);
}

static void end_target(void *userdata, uint64_t target, FollowEnd how) {
        (void) monitor_end_target(((Engine *) userdata)->monitor, target,
                                  how == FOLLOW_LEFT ? TARGET_LEFT : TARGET_ENDED);
}

/* The next scan comes soon, but not sooner after the last one than is decent. */
static void hurry(void *userdata) {
        Engine *e = userdata;
        nsec_t at = MAX(clock_nsec(CLOCK_MONOTONIC) + FOLLOW_SOON, e->last_follow + FOLLOW_LEAST);
        uint64_t set;

        if (!e->follow_timer || sd_event_source_get_time(e->follow_timer, &set) < 0 || set <= at / NSEC_PER_USEC)
                return;
        (void) sd_event_source_set_time(e->follow_timer, at / NSEC_PER_USEC);
}

int engine_start_following(Engine *e) {
        const FollowEvents events = { .add = add_target, .end = end_target, .wake = hurry, .userdata = e };

        return follower_init(&e->follower, e->host.roots, e->config.targets, e->config.n_targets, &events,
                             e->host.event);
}

void engine_drop_ended(Engine *e, bool all) {
        for (size_t i = monitor_n_targets(e->monitor); i > 0; i--) {
                const Target *target = monitor_target(e->monitor, i - 1);

                if (target->state == TARGET_RUNNING || (!all && target_has_samples(target)))
                        continue;
                tell_ended(e, target);
                follower_forget(&e->follower, target->id);
                (void) monitor_remove_target(e->monitor, target->id);
        }

        if (monitor_n_targets(e->monitor) > 0 || e->chosen.kind == SOURCE_SIM || monitor_config_is_physical(&e->config))
                return;
        if (!follower_can_grow(&e->follower)) {
                engine_finish(e, ENGINE_ENDED, "all targets have ended");
        } else if (e->state == ENGINE_RUNNING) {
                e->state = ENGINE_WAITING;
                engine_say_waiting(e);
        }
}

void engine_say_waiting(Engine *e) {
        _cleanup_free_ char *text = NULL;

        if (e->state != ENGINE_WAITING)
                return;
        if (monitor_n_targets(e->monitor) > 0) {
                engine_set_message(e, "the first aggregation is not over yet");
                return;
        }
        text = follower_waits_for(&e->follower);
        if (!text || !e->message || !streq(text, e->message))
                engine_set_message(e, text);
}

bool engine_owns_target(const Engine *e, uint64_t target, uid_t uid) {
        const Followed *followed = follower_find((Follower *) &e->follower, target);
        char path[32];
        struct stat st;

        if (!followed)
                return false;
        (void) snprintf(path, sizeof(path), "%d/maps", (int) followed->ref.pid);
        return fstatat(e->host.roots->proc, path, &st, 0) == 0 && st.st_uid == uid &&
               pidref_alive(&followed->ref, e->host.roots);
}

void engine_refresh_names(Engine *e) {
        for (size_t i = 0; i < monitor_n_targets(e->monitor); i++) {
                const Target *target = monitor_target(e->monitor, i);
                Followed *followed = follower_find(&e->follower, target->id);
                ProcStat stat;

                if (!followed || followed->address_space == target->address_space)
                        continue;
                if (proc_stat_read(e->host.roots, target->pid, &stat) == 0)
                        (void) monitor_rename_target(e->monitor, target->id, stat.comm);
                followed->address_space = target->address_space;
        }
}

/* Those that are much smaller than what was asked for are let go: half of it, so that one near to the limit does not
 * come and go. */
static void drop_small(Engine *e) {
        for (size_t i = 0; i < monitor_n_targets(e->monitor); i++) {
                const Target *target = monitor_target(e->monitor, i);
                Followed *followed = follower_find(&e->follower, target->id);
                uint64_t least;

                if (!followed || followed->over || !followed->named || followed->spec >= e->config.n_targets)
                        continue;
                least = e->config.targets[followed->spec].min_rss;
                if (least > 0 && target->size.resident > 0 && target->size.resident < least / 2)
                        follower_leave(&e->follower, target->id);
        }
}

int engine_on_follow(sd_event_source *s, uint64_t usec, void *userdata) {
        Engine *e = userdata;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC), cpu = clock_cpu_nsec(CPU_TIME_THREAD);
        int r;

        (void) usec;
        /* before the scan, which may want the next one sooner */
        r = sd_event_source_set_time(s, (now + FOLLOW_INTERVAL) / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        if (r < 0) {
                engine_fail(e, r);
                return 0;
        }

        e->last_follow = now;
        drop_small(e);
        r = follower_scan(&e->follower, now);
        if (r < 0)
                log_warning("monitor '%s': cannot look for processes now: %s", e->config.name, error_text(r));
        /* the dead leave their room to the living, at the price of their last window */
        engine_drop_ended(e, TAKE_GENERIC(e->crowded, false));
        e->follow_cpu += clock_cpu_nsec(CPU_TIME_THREAD) - cpu;
        engine_say_waiting(e);
        return 0;
}

/* The only target of a simulation is the simulation. */
static int add_simulated(Engine *e) {
        uint64_t id;
        Space *space;
        int r;

        r = e->source->ops->attach(e->source, 0, &space);
        if (r != 0)
                return r;
        return monitor_add_target(e->monitor, 0, "sim", space, &id);
}

static int thread_error(const Engine *e, pid_t pid, char **ret_error) {
        _cleanup_(buffer_deinit) Buffer status = {};
        const char *process = NULL;
        char path[32];
        ProcStat stat;

        if (proc_stat_read(e->host.roots, pid, &stat) == 0 && stat.flags & PROC_STAT_KTHREAD)
                return error_setf(ret_error, ENGINE_E_TARGET,
                                  "process %d is a kernel thread: it has no memory of its own", (int) pid);

        (void) snprintf(path, sizeof(path), "%d/status", (int) pid);
        if (read_whole_at(e->host.roots->proc, path, 65536, &status) >= 0)
                process = strstr(status.data, "\nTgid:\t");
        return error_setf(ret_error, ENGINE_E_TARGET, "%d is a thread of process %d: watch that one", (int) pid,
                          process ? atoi(process + strlen("\nTgid:\t")) : 0);
}

static int add_pid(Engine *e, const TargetConfig *spec, char **ret_error) {
        int pid = (int) spec->pid, r;

        r = follower_add_pid(&e->follower, spec->pid);
        switch (r) {
        case PIDREF_E_GONE: /* the same number as OPS_E_GONE */
                return error_setf(ret_error, ENGINE_E_TARGET, "there is no process %d", pid);
        case OPS_E_DENIED:
                return error_setf(ret_error, ENGINE_E_TARGET,
                                  "no permission to look at process %d (that needs root, or CAP_SYS_PTRACE and "
                                  "CAP_SYS_ADMIN)", pid);
        case FOLLOW_E_NO_ROOM:
                return error_setf(ret_error, ENGINE_E_TARGET, "no room for process %d: nr_regions.max allows %zu "
                                                              "targets", pid, monitor_targets_max(e->monitor));
        case FOLLOW_E_NO_DESCRIPTORS:
                return error_setf(ret_error, ENGINE_E_TARGET, "no room for process %d: the limit on open files is "
                                                              "reached", pid);
        case -EINVAL:
        case -ENOENT: /* pidfd_open(2) takes no threads */
                return thread_error(e, spec->pid, ret_error);
        }
        return r;
}

int engine_add_targets(Engine *e, char **ret_error) {
        int r;

        if (e->chosen.kind == SOURCE_SIM)
                return add_simulated(e);
        if (monitor_config_is_physical(&e->config))
                return engine_add_memory(e, ret_error);

        for (size_t i = 0; i < e->config.n_targets; i++) {
                if (e->config.targets[i].pid <= 0)
                        continue;
                r = add_pid(e, &e->config.targets[i], ret_error);
                if (r != 0)
                        return r;
        }
        return 0;
}
