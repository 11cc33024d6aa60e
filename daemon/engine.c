/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running monitor. */
#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/format.h"
#include "engine-internal.h"
#include "event.h"
#include "log.h"

const char *engine_state_name(EngineState state) {
        static const char *const names[] = {
                [ENGINE_WAITING] = "waiting",
                [ENGINE_RUNNING] = "running",
                [ENGINE_ENDED] = "ended",
                [ENGINE_FAILED] = "failed",
        };

        return names[state];
}

void engine_set_message(Engine *e, const char *text) {
        free(e->message);
        e->message = text ? strdup(text) : NULL;
}

static void stop_timers(Engine *e) {
        e->step_timer = sd_event_source_disable_unref(e->step_timer);
        e->follow_timer = sd_event_source_disable_unref(e->follow_timer);
}

void engine_finish(Engine *e, EngineState state, const char *message) {
        if (e->state == state)
                return;

        acting_stop(e->acting);
        e->state = state;
        engine_set_message(e, message);
        stop_timers(e);
        event_report(&(Event) { .kind = state == ENGINE_FAILED ? EVENT_MONITOR_FAILED : EVENT_MONITOR_ENDED,
                                .monitor = e->config.name },
                     "%s: %s", engine_state_name(state), message);
        e->callbacks.finished(e, e->callbacks.userdata);
}

void engine_fail(Engine *e, int r) {
        engine_finish(e, ENGINE_FAILED, error_text(r));
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
                engine_set_message(e, NULL);
        }
        e->callbacks.snapshot(e, e->callbacks.userdata);
        engine_drop_ended(e, true);
        if (e->config.n_schemes > 0 && e->state == ENGINE_RUNNING) {
                r = acting_decide(e->acting, monitor_snapshot(e->monitor));
                if (r < 0)
                        log_error("monitor '%s': schemes cannot decide now: %s", e->config.name, error_text(r));
        }
}

bool engine_is_watched(const Engine *e) {
        return *e->host.cpu_limit > 0 || !e->source->ops->page_cost;
}

/* A busy machine is late by a second or two. Who is later than this, and later than a window, was stopped, suspended or
 * migrated: nothing was looked at meanwhile, and that must not pass for idleness. Time that a step itself took, own or
 * another's, is no gap. */
#define GAP_MIN (5 * NSEC_PER_SEC)

static void skip_gap(Engine *e, nsec_t gap) {
        char text[FORMAT_MAX];

        if (gap < MAX(GAP_MIN, monitor_attrs(e->monitor)->aggregate))
                return;
        log_notice("monitor '%s': nothing was looked at for %s, which does not count", e->config.name,
                   format_duration(text, gap));
        monitor_skip(e->monitor, gap);
}

/* Only where it matters what a step costs, two looks at the CPU clock are paid for. */
static int step(Engine *e, nsec_t *ret_next) {
        uint64_t samples = e->source->counters.samples;
        nsec_t cpu;
        int r;

        e->step_cpu = 0;
        if (!engine_is_watched(e))
                return monitor_step(e->monitor, clock_nsec(CLOCK_MONOTONIC), ret_next);

        cpu = clock_cpu_nsec(CPU_TIME_THREAD);
        r = monitor_step(e->monitor, clock_nsec(CLOCK_MONOTONIC), ret_next);
        e->step_cpu = clock_cpu_nsec(CPU_TIME_THREAD) - cpu;
        pace_spent(&e->pace, e->step_cpu, e->source->counters.samples - samples);
        return r;
}

nsec_t engine_step_due(const Engine *e) {
        uint64_t usec = 0;
        int enabled = 0;

        if (!e->step_timer || sd_event_source_get_enabled(e->step_timer, &enabled) < 0 || enabled == SD_EVENT_OFF ||
            sd_event_source_get_time(e->step_timer, &usec) < 0)
                return NSEC_INFINITY;
        return usec * NSEC_PER_USEC;
}

nsec_t engine_acting_since(const Engine *e) {
        return acting_busy_since(e->acting);
}

nsec_t engine_acting_cpu(const Engine *e) {
        return acting_cpu(e->acting);
}

static bool has_budget(const Engine *e) {
        return e->source->ops->granularity == GRANULARITY_PAGE && adapt_policy_by_name(e->config.policy)->budget;
}

bool engine_limit(Engine *e, nsec_t elapsed) {
        if (!has_budget(e) || e->pace.budget > 0)
                return false;
        engine_govern(e, 1, elapsed);
        return true;
}

void engine_unlimit(Engine *e) {
        e->pace = PACE_INITIAL;
        e->follower.patience = 0;
        monitor_set_attrs(e->monitor, &e->config.attrs);
}

void engine_govern(Engine *e, double ratio, nsec_t elapsed) {
        MonitorAttrs attrs = *monitor_attrs(e->monitor);
        double limit = *e->host.cpu_limit;
        bool restart;
        char text[FORMAT_MAX];

        if (limit > 0)
                follower_govern(&e->follower, ratio, (double) e->follow_cpu / (double) MAX(elapsed, (nsec_t) 1) / limit,
                                elapsed);
        e->follow_cpu = 0;
        if (!e->step_timer || !pace_adjust(&e->pace, &e->config.attrs, has_budget(e), ratio, elapsed, &attrs, &restart))
                return;
        if (!restart) {
                monitor_set_budget(e->monitor, attrs.samples_per_sec);
                return;
        }
        event_report(&(Event) { .kind = EVENT_MONITOR_PACED, .monitor = e->config.name,
                                .numbers = { { "sample", EVENT_NS, (double) attrs.sample },
                                             { "cpu_share", EVENT_SHARE, e->pace.share } } },
                     "to keep to the CPU limit the sampling interval becomes %s", format_duration(text, attrs.sample));
        monitor_set_attrs(e->monitor, &attrs);
}

double engine_spent(const Engine *e, nsec_t elapsed) {
        return (double) e->pace.cpu / (double) MAX(elapsed, (nsec_t) 1);
}

double engine_cpu_share(const Engine *e) {
        return e->pace.share;
}

/* Nodes may have been added to the machine when maps were read. */
static int refresh_memory(Engine *e) {
        uint64_t updates = monitor_counters(e->monitor)->updates;

        if (updates == e->last_update)
                return 0;
        e->last_update = updates;
        return engine_add_memory(e, NULL);
}

/* Want of descriptors passes, and is no fault of the monitor: it looks again in a while. */
#define STARVED_INTERVAL NSEC_PER_SEC

static bool passes(Engine *e, int r) {
        bool starved = r == -EMFILE || r == -ENFILE;

        if (starved && !e->starved)
                log_warning("monitor '%s': cannot look now: %s", e->config.name, error_text(r));
        if (!starved && e->starved)
                log_notice("monitor '%s': looks again", e->config.name);
        e->starved = starved;
        return starved;
}

static int arm(sd_event_source *s, nsec_t next) {
        /* round up: a wake-up just before the deadline would do nothing */
        int r = sd_event_source_set_time(s, (next + NSEC_PER_USEC - 1) / NSEC_PER_USEC);

        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

/* Before clients: their number must not make samples late. But steps that take longer than their interval come behind
 * all else: one follows the other without a break, and nobody would ever be answered, nor a signal heard. */
#define STEP_PRIORITY (SD_EVENT_PRIORITY_IMPORTANT + 1)
#define STEP_PRIORITY_LATE (SD_EVENT_PRIORITY_NORMAL + 1)

static int keep_place(Engine *e, nsec_t next) {
        bool late = clock_nsec(CLOCK_MONOTONIC) >= next;

        if (late == e->late)
                return 0;
        e->late = late;
        return sd_event_source_set_priority(e->step_timer, late ? STEP_PRIORITY_LATE : STEP_PRIORITY);
}

/* How long the step comes after it was due. Due at once: its first target has just come, and nothing was watched until
 * now. */
static nsec_t gap_before(const Engine *e, nsec_t due, nsec_t now) {
        nsec_t from = MAX(due, e->step_end);

        return due > 0 && from < now ? now - from : 0;
}

/* How much longer the step took than it worked: with a source whose cost is not measured that is all of it, for its
 * steps take milliseconds. */
static nsec_t gap_within(const Engine *e, nsec_t start) {
        nsec_t took = e->step_end - start;

        return took - MIN(e->step_cpu, took);
}

static int on_step(sd_event_source *s, uint64_t usec, void *userdata) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC), due = usec * NSEC_PER_USEC;
        Engine *e = userdata;
        nsec_t next;
        int r;

        lateness_add(&e->lateness, now - MIN(due, now));
        skip_gap(e, gap_before(e, due, now));
        r = step(e, &next);
        e->step_end = clock_nsec(CLOCK_MONOTONIC);
        skip_gap(e, gap_within(e, now));
        if (r >= 0 && monitor_config_is_physical(&e->config))
                r = refresh_memory(e);
        if (passes(e, r)) {
                next = e->step_end + STARVED_INTERVAL;
                r = 0;
        }
        if (r >= 0 && monitor_n_targets(e->monitor) > 0)
                r = arm(s, next);
        if (r < 0) {
                engine_fail(e, r);
                return 0;
        }

        if (!monitor_config_is_physical(&e->config))
                engine_refresh_names(e);
        take_snapshot(e);
        if (e->step_timer && keep_place(e, next) < 0)
                log_warning("monitor '%s': cannot give way to others", e->config.name);
        return 0;
}

static int add_timer(Engine *e, sd_event_time_handler_t handler, sd_event_source **ret) {
        /* an accuracy of 1 µs: the default of 250 ms would shift deadlines together */
        int r = sd_event_add_time(e->host.event, ret, CLOCK_MONOTONIC, clock_nsec(CLOCK_MONOTONIC) / NSEC_PER_USEC,
                                  1, handler, e);

        return r < 0 ? r : 0;
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

        r = engine_start_following(e);
        if (r == 0)
                r = engine_start_acting(e, ret_error);
        if (r == 0)
                r = engine_add_targets(e, ret_error);
        if (r != 0)
                return r;

        r = add_timer(e, on_step, &e->step_timer);
        if (r == 0)
                r = sd_event_source_set_priority(e->step_timer, STEP_PRIORITY);
        if (r >= 0 && e->chosen.kind != SOURCE_SIM && !monitor_config_is_physical(&e->config))
                r = add_timer(e, engine_on_follow, &e->follow_timer);
        return r < 0 ? r : 0;
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

        engine_say_waiting(e);
        event_report(&(Event) { .kind = EVENT_MONITOR_STARTED, .monitor = e->config.name }, "source %s, %s",
                     e->source->ops->name, e->chosen.reason);
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

const Follower *engine_follower(const Engine *e) {
        return &e->follower;
}

const Followed *engine_followed(const Engine *e, uint64_t target) {
        return follower_find((Follower *) &e->follower, target);
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

nsec_t engine_lateness(const Engine *e, double share) {
        return lateness_quantile(&e->lateness, share);
}

nsec_t engine_next_snapshot(const Engine *e) {
        return monitor_window_end(e->monitor);
}
