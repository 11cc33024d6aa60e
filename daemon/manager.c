/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All monitors of the daemon. */
#include "manager.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "event.h"
#include "log.h"
#include "state.h"

/* ---- The CPU limit ---- */

#define GOVERN_INTERVAL (2 * NSEC_PER_SEC)

/* Without a limit: a source whose checks cost time in proportion to the target is limited all the same, however
 * large the target is. */
#define BULK_LIMIT 0.05

static nsec_t own_cpu(const Manager *m) {
        nsec_t cpu = clock_cpu_nsec(CPU_TIME_PROCESS), acting = m->past_acting;

        for (size_t i = 0; i < m->n_engines; i++)
                acting += engine_acting_cpu(m->engines[i]);
        return cpu - MIN(acting, cpu);
}

static void govern(Manager *m, nsec_t now) {
        nsec_t cpu = own_cpu(m), elapsed = now - m->governed;
        double share = (double) (cpu - MIN(m->governed_cpu, cpu)) / (double) elapsed;

        /* two looks together: one alone may have an aggregation more, or less, in it */
        m->cpu_share = m->cpu_share > 0 ? (m->cpu_share + share) / 2 : share;
        m->governed = now;
        m->governed_cpu = cpu;
        for (size_t i = 0; i < m->n_engines; i++) {
                if (m->cpu_limit > 0)
                        engine_govern(m->engines[i], m->cpu_share / m->cpu_limit, elapsed);
                else if (engine_is_watched(m->engines[i]))
                        engine_govern(m->engines[i], engine_spent(m->engines[i], elapsed) / BULK_LIMIT, elapsed);
        }
}

static int on_govern(sd_event_source *s, uint64_t usec, void *userdata) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        Manager *m = userdata;

        (void) s;
        (void) usec;
        if (now > m->governed)
                govern(m, now);
        manager_watch(m);
        return 0;
}

static bool any_watched(const Manager *m) {
        for (size_t i = 0; i < m->n_engines; i++)
                if (engine_is_watched(m->engines[i]))
                        return true;
        return false;
}

void manager_watch(Manager *m) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        bool begins = now > m->governed + 2 * GOVERN_INTERVAL;
        int r;

        if (!any_watched(m))
                return;

        /* what it took to start is not what monitoring takes */
        for (size_t i = 0; i < m->n_engines && m->cpu_limit > 0; i++)
                begins = engine_limit(m->engines[i], GOVERN_INTERVAL) || begins;
        if (begins) {
                /* nothing was watched until now */
                m->governed = now;
                m->governed_cpu = own_cpu(m);
        }
        r = sd_event_source_set_time(m->governor, (m->governed + GOVERN_INTERVAL) / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->governor, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("the CPU limit is not kept any more: %s", error_text(r));
}

int manager_init(Manager *m, const EngineHost *host, double cpu_limit) {
        int r;

        *m = (Manager) { .host = *host, .cpu_limit = cpu_limit, .governed = clock_nsec(CLOCK_MONOTONIC) };
        m->host.support = &m->support;
        m->host.cpu_limit = &m->cpu_limit;
        r = sd_event_add_time(host->event, &m->governor, CLOCK_MONOTONIC, 0, 0, on_govern, m);
        if (r >= 0)
                r = sd_event_source_set_enabled(m->governor, SD_EVENT_OFF);
        if (r < 0)
                return r;
        return subscribers_init(&m->subscribers, host->event);
}

void manager_set_cpu_limit(Manager *m, double cpu_limit) {
        if (cpu_limit == m->cpu_limit)
                return;
        m->cpu_limit = cpu_limit;
        for (size_t i = 0; i < m->n_engines && cpu_limit == 0; i++)
                engine_unlimit(m->engines[i]);
        manager_watch(m);
}

int manager_observe(Manager *m) {
        return action_support_none("this daemon only looks (it runs with --observe)", &m->support);
}

void manager_end(Manager *m, Engine *engine) {
        subscribers_end(&m->subscribers, engine);
        m->past_acting += engine_acting_cpu(engine);
        engine_free(engine);
}

void manager_stop_acting(Manager *m) {
        for (size_t i = 0; i < m->n_engines; i++)
                engine_stop_acting(m->engines[i]);
}

void manager_deinit(Manager *m) {
        /* all workers end with their batch, side by side */
        manager_stop_acting(m);
        while (m->n_engines > 0)
                manager_end(m, m->engines[--m->n_engines]);
        sd_event_source_disable_unref(m->governor);
        subscribers_deinit(&m->subscribers);
        action_support_free(m->support);
}

Engine *manager_find(const Manager *m, const char *name) {
        for (size_t i = 0; i < m->n_engines; i++)
                if (streq(engine_config(m->engines[i])->name, name))
                        return m->engines[i];
        return NULL;
}

/* Of a target that is no pid: what it says first. */
static char *name_of_spec(const TargetConfig *t) {
        const char *cgroup = t->cgroup ? strrchr(target_cgroup_path(t->cgroup), '/') + 1 : NULL;
        const char *text = t->command ?: t->unit ?: cgroup && *cgroup ? cgroup : t->user ?: "all";
        char *name = strndup(text, 60);

        /* what a shell would take for a pattern of file names is no name */
        for (char *c = name; c && *c; c++)
                if (strchr("*?[]\\", *c))
                        *c = '_';
        return name;
}

/* "nginx", or "pid-1234"; with a number behind where that is taken. */
static int make_name(const Manager *m, MonitorConfig *config) {
        _cleanup_free_ char *base = NULL, *name = NULL;
        ProcStat stat;
        int r = 0;

        if (streq(config->source, "sim"))
                r = asprintf(&base, "sim");
        else if (monitor_config_is_physical(config))
                r = asprintf(&base, "memory");
        else if (config->n_targets == 0)
                r = asprintf(&base, "monitor");
        else if (config->targets[0].pid == 0)
                r = (base = name_of_spec(&config->targets[0])) ? 0 : -1;
        else if (proc_stat_read(m->host.roots, config->targets[0].pid, &stat) == 0)
                r = asprintf(&base, "%s", stat.comm);
        else
                r = asprintf(&base, "pid-%d", (int) config->targets[0].pid);
        if (r < 0)
                return -ENOMEM;

        /* a command may have any bytes in its name */
        for (char *c = base; *c; c++)
                if (!isgraph((unsigned char) *c) || (c == base && *c == '-'))
                        *c = '_';
        name = strdup(base);
        for (unsigned i = 2; name && manager_find(m, name); i++) {
                free(TAKE_PTR(name));
                if (asprintf(&name, "%s-%u", base, i) < 0)
                        return -ENOMEM;
        }
        if (!name)
                return -ENOMEM;

        free(config->name);
        config->name = TAKE_PTR(name);
        return 0;
}

static void on_snapshot(Engine *engine, void *userdata) {
        subscribers_publish(&((Manager *) userdata)->subscribers, engine);
}

static void on_finished(Engine *engine, void *userdata) {
        subscribers_finish(&((Manager *) userdata)->subscribers, engine);
}

EngineCallbacks manager_callbacks(Manager *m) {
        return (EngineCallbacks) { .snapshot = on_snapshot, .finished = on_finished, .userdata = m };
}

int manager_start(Manager *m, MonitorConfig *config, Engine **ret, char **ret_error) {
        EngineCallbacks callbacks = manager_callbacks(m);
        Engine *engine;
        int r;

        if (m->n_engines == MONITORS_MAX)
                return error_setf(ret_error, MANAGER_E_FULL, "%d monitors run already", MONITORS_MAX);
        if (!config->name) {
                r = make_name(m, config);
                if (r < 0)
                        return r;
        }
        if (manager_find(m, config->name))
                return error_setf(ret_error, MANAGER_E_EXISTS, "a monitor '%s' runs already", config->name);

        r = engine_new(&m->host, config, &callbacks, &engine, ret_error);
        if (r != 0)
                return r;

        m->engines[m->n_engines++] = engine;
        manager_watch(m);
        *ret = engine;
        return 0;
}

void manager_adopt(Manager *m, Engine *engine) {
        engine_set_from_file(engine);
        if (m->state)
                state_restore(m->state, engine);
}

int manager_stop(Manager *m, const char *name) {
        for (size_t i = 0; i < m->n_engines; i++) {
                Engine *engine = m->engines[i];

                if (!streq(engine_config(engine)->name, name))
                        continue;
                event_report(&(Event) { .kind = EVENT_MONITOR_STOPPED, .monitor = name }, "stopped");
                memmove(&m->engines[i], &m->engines[i + 1], (m->n_engines - i - 1) * sizeof(*m->engines));
                m->n_engines--;
                manager_end(m, engine);
                return 0;
        }
        return -ENOENT;
}
