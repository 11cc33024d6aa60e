/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running monitor. */
#include "engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/format.h"
#include "choose-source.h"
#include "log.h"
#include "pace.h"

/* A map that is read in vain every second costs little; a child that is noticed late is lost. */
#define FOLLOW_INTERVAL NSEC_PER_SEC

struct Engine {
        EngineHost host;
        EngineCallbacks callbacks;
        MonitorConfig config;
        MonitorConfig asked;
        ChosenSource chosen;
        Source *source; /* the chosen one */
        Monitor *monitor;
        Follower follower;
        Acting *acting;
        History *history;
        uint64_t last_sequence;
        nsec_t next_command_scan;
        Pace pace;
        sd_event_source *step_timer;
        sd_event_source *follow_timer;
        EngineState state;
        char *message;
        bool from_file;
};

const char *engine_state_name(EngineState state) {
        static const char *const names[] = {
                [ENGINE_WAITING] = "waiting",
                [ENGINE_RUNNING] = "running",
                [ENGINE_ENDED] = "ended",
                [ENGINE_FAILED] = "failed",
        };

        return names[state];
}

static void set_message(Engine *e, const char *text) {
        free(e->message);
        e->message = text ? strdup(text) : NULL;
}

static void stop_timers(Engine *e) {
        e->step_timer = sd_event_source_disable_unref(e->step_timer);
        e->follow_timer = sd_event_source_disable_unref(e->follow_timer);
}

static void finish(Engine *e, EngineState state, const char *message) {
        if (e->state == state)
                return;

        acting_stop(e->acting);
        e->state = state;
        set_message(e, message);
        stop_timers(e);
        if (state == ENGINE_FAILED)
                log_error("monitor '%s' failed: %s", e->config.name, message);
        else
                log_info("monitor '%s' ended: %s", e->config.name, message);
        e->callbacks.finished(e, e->callbacks.userdata);
}

static void fail(Engine *e, int r) {
        finish(e, ENGINE_FAILED, error_text(r));
}

/* Without targets the loop rests; with the first one it goes on. */
static void wake(Engine *e) {
        if (!e->step_timer || monitor_n_targets(e->monitor) != 1)
                return;
        (void) sd_event_source_set_time(e->step_timer, 0);
        (void) sd_event_source_set_enabled(e->step_timer, SD_EVENT_ONESHOT);
}

/* A process becomes a target (follow_add_t). */
static int add_target(void *userdata, const PidRef *ref, const ProcStat *stat, bool named, uint64_t *ret_target) {
        Engine *e = userdata;
        Space *space;
        int r;

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

        wake(e);
        /* children come and go by the thousand: that is no news */
        log_message(named ? LOG_INFO : LOG_DEBUG, "monitor '%s': watching %s (pid %d)", e->config.name, stat->comm,
                    (int) ref->pid);
        return 0;
}

static void log_ended(Engine *e, const Target *target) {
        const Followed *followed = follower_find(&e->follower, target->id);

        if (target->state == TARGET_DENIED)
                log_warning("monitor '%s': may not look at %s (pid %d) any more", e->config.name, target->command,
                            (int) target->pid);
        else
                log_message(followed && followed->named ? LOG_INFO : LOG_DEBUG, "monitor '%s': %s (pid %d) has ended",
                            e->config.name, target->command, (int) target->pid);
}

/* (follow_exit_t) */
static void on_exit_of(void *userdata, uint64_t target) {
        (void) monitor_end_target(((Engine *) userdata)->monitor, target);
}

/* Targets that have gone are let go once their last window has been published. */
static void drop_ended(Engine *e) {
        for (size_t i = monitor_n_targets(e->monitor); i > 0; i--) {
                const Target *target = monitor_target(e->monitor, i - 1);

                if (target->state == TARGET_RUNNING)
                        continue;
                log_ended(e, target);
                follower_forget(&e->follower, target->id);
                (void) monitor_remove_target(e->monitor, target->id);
        }

        if (monitor_n_targets(e->monitor) > 0 || e->chosen.kind == SOURCE_SIM)
                return;
        if (!follower_wants_commands(&e->follower))
                finish(e, ENGINE_ENDED, "all targets have ended");
        else if (e->state == ENGINE_RUNNING) {
                e->state = ENGINE_WAITING;
                set_message(e, "no process of that name runs");
        }
}

/* After an exec the command is another one. */
static void refresh_names(Engine *e) {
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

static void take_snapshot(Engine *e) {
        const Snapshot *snapshot = monitor_snapshot(e->monitor);
        int r;

        if (!snapshot || snapshot->sequence == e->last_sequence)
                return;

        e->last_sequence = snapshot->sequence;
        history_add(e->history, snapshot);
        if (e->state == ENGINE_WAITING) {
                e->state = ENGINE_RUNNING;
                set_message(e, NULL);
        }
        e->callbacks.snapshot(e, e->callbacks.userdata);
        drop_ended(e);
        if (e->config.n_schemes > 0 && e->state == ENGINE_RUNNING) {
                r = acting_decide(e->acting, monitor_snapshot(e->monitor));
                if (r < 0)
                        log_error("monitor '%s': schemes cannot decide now: %s", e->config.name, error_text(r));
        }
}

/* What a step costs is measured: two looks at the CPU clock. */
static int step(Engine *e, nsec_t *ret_next) {
        uint64_t samples = e->source->counters.samples;
        nsec_t cpu = clock_cpu_nsec(CPU_TIME_THREAD);
        int r;

        r = monitor_step(e->monitor, clock_nsec(CLOCK_MONOTONIC), ret_next);
        pace_spent(&e->pace, clock_cpu_nsec(CPU_TIME_THREAD) - cpu, e->source->counters.samples - samples);
        return r;
}

nsec_t engine_acting_cpu(const Engine *e) {
        return acting_cpu(e->acting);
}

static bool has_budget(const Engine *e) {
        return e->source->ops->granularity == GRANULARITY_PAGE && streq(e->config.policy, "directed");
}

bool engine_limit(Engine *e, nsec_t elapsed) {
        if (!has_budget(e) || e->pace.budget > 0)
                return false;
        engine_govern(e, 1, elapsed);
        return true;
}

void engine_govern(Engine *e, double ratio, nsec_t elapsed) {
        MonitorAttrs attrs = *monitor_attrs(e->monitor);
        bool restart;
        char text[FORMAT_MAX];

        if (!e->step_timer || !pace_adjust(&e->pace, &e->config.attrs, has_budget(e), ratio, elapsed, &attrs, &restart))
                return;
        if (!restart) {
                monitor_set_budget(e->monitor, attrs.samples_per_sec);
                return;
        }
        log_info("monitor '%s': to keep to the CPU limit the sampling interval becomes %s", e->config.name,
                 format_duration(text, attrs.sample));
        monitor_set_attrs(e->monitor, &attrs);
}

double engine_spent(const Engine *e, nsec_t elapsed) {
        return (double) e->pace.cpu / (double) MAX(elapsed, (nsec_t) 1);
}

double engine_cpu_share(const Engine *e) {
        return e->pace.share;
}

static int on_step(sd_event_source *s, uint64_t usec, void *userdata) {
        Engine *e = userdata;
        nsec_t next;
        int r;

        (void) usec;
        r = step(e, &next);
        if (r >= 0 && monitor_n_targets(e->monitor) > 0) {
                /* round up: a wake-up just before the deadline would do nothing */
                r = sd_event_source_set_time(s, (next + NSEC_PER_USEC - 1) / NSEC_PER_USEC);
                if (r >= 0)
                        r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        }
        if (r < 0) {
                fail(e, r);
                return 0;
        }

        refresh_names(e);
        take_snapshot(e);
        return 0;
}

static int scan(Engine *e, nsec_t now) {
        int r = 0;

        if (now >= e->next_command_scan) {
                e->next_command_scan = now + e->config.attrs.update;
                r = follower_scan_commands(&e->follower, add_target, e);
        }
        if (r >= 0)
                r = follower_scan_children(&e->follower, add_target, e);
        return r;
}

static int on_follow(sd_event_source *s, uint64_t usec, void *userdata) {
        Engine *e = userdata;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        int r;

        (void) usec;
        r = scan(e, now);
        if (r < 0)
                log_warning("monitor '%s': cannot look for processes now: %s", e->config.name, error_text(r));

        r = sd_event_source_set_time(s, (now + FOLLOW_INTERVAL) / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        if (r < 0)
                fail(e, r);
        return 0;
}

static int add_timer(Engine *e, sd_event_time_handler_t handler, sd_event_source **ret) {
        /* an accuracy of 1 µs: the default of 250 ms would shift deadlines together */
        int r = sd_event_add_time(e->host.event, ret, CLOCK_MONOTONIC, clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC,
                                  1, handler, e);

        return r < 0 ? r : 0;
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

        r = follower_add_pid(&e->follower, spec->pid, spec->children, add_target, e);
        switch (r) {
        case PIDREF_E_GONE: /* the same number as OPS_E_GONE */
                return error_setf(ret_error, ENGINE_E_TARGET, "there is no process %d", pid);
        case OPS_E_DENIED:
                return error_setf(ret_error, ENGINE_E_TARGET,
                                  "no permission to look at process %d (that needs root, or CAP_SYS_PTRACE and "
                                  "CAP_SYS_ADMIN)", pid);
        case -EINVAL:
        case -ENOENT: /* pidfd_open(2) takes no threads */
                return thread_error(e, spec->pid, ret_error);
        }
        return r;
}

static int add_targets(Engine *e, char **ret_error) {
        int r;

        if (e->chosen.kind == SOURCE_SIM)
                return add_simulated(e);

        for (size_t i = 0; i < e->config.n_targets; i++) {
                if (e->config.targets[i].pid <= 0)
                        continue;
                r = add_pid(e, &e->config.targets[i], ret_error);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int make_source(Engine *e, char **ret_error) {
        int r;

        r = source_choose(e->host.caps, e->host.roots, &e->config, &e->chosen, ret_error);
        e->source = e->chosen.source;
        return r;
}

static int make_seed(Engine *e) {
        /* 53 bits, so that it passes through JSON unharmed */
        while (e->config.seed == 0) {
                if (getrandom(&e->config.seed, sizeof(e->config.seed), 0) < 0)
                        return -errno;
                e->config.seed >>= 11;
        }
        return 0;
}

/* A source that cannot work as often as the default says gets its own pace; what a user wrote himself
 * was checked against it before. */
static void respect_source(Engine *e) {
        MonitorAttrs *attrs = &e->config.attrs;
        nsec_t least = e->source->ops->sample_min;

        if (attrs->sample >= least)
                return;

        log_info("monitor '%s': the source '%s' is not sampled more often than every %" PRIu64 "ms", e->config.name,
                 e->source->ops->name, least / NSEC_PER_MSEC);
        attrs->sample = least;
        attrs->aggregate = MAX(attrs->aggregate, least);
        attrs->goal.sample_min = MAX(attrs->goal.sample_min, least);
        attrs->goal.sample_max = MAX(attrs->goal.sample_max, least);
}

static ActingHost acting_host(Engine *e) {
        return (ActingHost) {
                .event = e->host.event,
                .roots = e->host.roots,
                .support = e->host.support,
                .monitor = e->config.name,
                .source = e->source->ops,
                .follower = &e->follower,
        };
}

static int start_acting(Engine *e, char **ret_error) {
        ActingHost host = acting_host(e);
        size_t bad;
        int r;

        r = acting_check(&host, e->config.schemes, e->config.n_schemes, &bad, ret_error);
        if (r == 0)
                r = acting_new(&host, &e->acting);
        if (r == 0)
                r = acting_configure(e->acting, e->config.schemes, e->config.n_schemes);
        return r;
}

int engine_check_schemes(Engine *e, const SchemeConfig *schemes, size_t n, size_t *ret_index, char **ret_error) {
        ActingHost host = acting_host(e);

        return acting_check(&host, schemes, n, ret_index, ret_error);
}

int engine_set_schemes(Engine *e, const SchemeConfig *schemes, size_t n, char **ret_error) {
        _cleanup_(monitor_config_deinit) MonitorConfig copy = {};
        MonitorConfig with = e->config;
        size_t bad;
        int r;

        r = engine_check_schemes(e, schemes, n, &bad, ret_error);
        if (r != 0)
                return r;

        with.schemes = (SchemeConfig *) schemes;
        with.n_schemes = n;
        r = monitor_config_copy(&with, &copy);
        if (r == 0)
                r = acting_configure(e->acting, schemes, n);
        if (r < 0)
                return r;

        /* the names that others borrow stay where they are */
        copy.schemes = TAKE_GENERIC(e->config.schemes, copy.schemes);
        copy.n_schemes = TAKE_GENERIC(e->config.n_schemes, n);
        return 0;
}

static int start(Engine *e, char **ret_error) {
        const AdaptPolicy *policy = adapt_policy_by_name(e->config.policy);
        int r;

        if (!policy)
                return error_setf(ret_error, -EINVAL, "there is no policy '%s'", e->config.policy);

        r = make_seed(e);
        if (r == 0)
                r = make_source(e, ret_error);
        if (r != 0)
                return r;
        respect_source(e);

        r = monitor_new(&e->config.attrs, policy, e->source, e->config.seed, clock_nsec(CLOCK_MONOTONIC), &e->monitor);
        if (r < 0)
                return r;

        follower_init(&e->follower, e->host.roots, e->config.targets, e->config.n_targets);
        follower_watch_exits(&e->follower, e->host.event, on_exit_of, e);
        r = start_acting(e, ret_error);
        if (r == 0)
                r = add_targets(e, ret_error);
        if (r != 0)
                return r;

        r = add_timer(e, on_step, &e->step_timer);
        if (r == 0 && e->chosen.kind != SOURCE_SIM)
                r = add_timer(e, on_follow, &e->follow_timer);
        return r;
}

int engine_new(const EngineHost *host, const MonitorConfig *config, const EngineCallbacks *callbacks,
               Engine **ret, char **ret_error) {
        Engine *e;
        int r;

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->host = *host;
        e->pace = PACE_INITIAL;
        e->callbacks = *callbacks;
        e->history = calloc(1, sizeof(*e->history));

        r = e->history ? monitor_config_copy(config, &e->config) : -ENOMEM;
        if (r == 0)
                r = monitor_config_copy(config, &e->asked);
        if (r == 0)
                r = start(e, ret_error);
        if (r != 0) {
                engine_free(e);
                return r;
        }

        set_message(e, monitor_n_targets(e->monitor) > 0 ? "the first aggregation is not over yet"
                                                         : "no process of that name runs");
        log_info("monitor '%s': source %s, %s", e->config.name, e->source->ops->name, e->chosen.reason);
        for (char **warning = e->chosen.warnings; warning && *warning; warning++)
                log_warning("monitor '%s': %s", e->config.name, *warning);

        *ret = e;
        return 0;
}

Engine *engine_free(Engine *e) {
        if (!e)
                return NULL;

        stop_timers(e);
        acting_free(e->acting);
        follower_deinit(&e->follower);
        monitor_free(e->monitor);
        chosen_source_deinit(&e->chosen);
        free(e->message);
        free(e->history);
        monitor_config_deinit(&e->asked);
        monitor_config_deinit(&e->config);
        free(e);
        return NULL;
}

const MonitorConfig *engine_asked(const Engine *e) {
        return &e->asked;
}

void engine_set_attrs(Engine *e, const MonitorAttrs *attrs) {
        e->asked.attrs = e->config.attrs = *attrs;
        respect_source(e);
        monitor_set_attrs(e->monitor, &e->config.attrs);
}

void engine_set_from_file(Engine *e) {
        e->from_file = true;
}

bool engine_from_file(const Engine *e) {
        return e->from_file;
}

void engine_stop_acting(Engine *e) {
        acting_stop(e->acting);
}

SchemeSet *engine_schemes(const Engine *e) {
        return acting_set(e->acting);
}

const MonitorConfig *engine_config(const Engine *e) {
        return &e->config;
}

EngineState engine_state(const Engine *e) {
        return e->state;
}

const char *engine_message(const Engine *e) {
        return e->message;
}

const Source *engine_source(const Engine *e) {
        return e->source;
}

const char *engine_source_reason(const Engine *e) {
        return e->chosen.reason;
}

const Monitor *engine_monitor(const Engine *e) {
        return e->monitor;
}

const History *engine_history(const Engine *e) {
        return e->history;
}

char *const *engine_warnings(const Engine *e) {
        return e->chosen.warnings;
}

nsec_t engine_next_snapshot(const Engine *e) {
        return monitor_window_end(e->monitor);
}
