/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading the configuration file again. */
#include "reload.h"

#include <errno.h>

#include "base/error.h"
#include "config/errors.h"
#include "event.h"
#include "log.h"

const char *reload_fate_name(ReloadFate fate) {
        static const char *const names[] = {
                [RELOAD_STARTED] = "started",
                [RELOAD_CHANGED] = "changed",
                [RELOAD_STOPPED] = "stopped",
                [RELOAD_UNCHANGED] = "unchanged",
        };

        return names[fate];
}

void reload_report_deinit(ReloadReport *report) {
        for (ReloadFate fate = 0; fate < _RELOAD_FATE_MAX; fate++)
                for (size_t i = 0; i < report->fates[fate].n; i++)
                        free(report->fates[fate].names[i]);
        *report = (ReloadReport) {};
}

static void note(ReloadReport *report, ReloadFate fate, const char *name) {
        char *copy = strdup(name);

        /* a report that lacks a name is no reason to fail what has been done */
        if (copy)
                report->fates[fate].names[report->fates[fate].n++] = copy;
}

/* What becomes of one monitor of the file. */
typedef struct Step {
        const MonitorConfig *config;
        Engine *old; /* of that name, or NULL */
        Engine *new; /* to take its place, or NULL: the old one goes on */
        bool attrs;  /* the old one's intervals or bounds change */
        bool schemes;
} Step;

static bool schemes_equal(const MonitorConfig *a, const MonitorConfig *b) {
        if (a->n_schemes != b->n_schemes)
                return false;
        for (size_t i = 0; i < a->n_schemes; i++)
                if (!scheme_config_equal(&a->schemes[i], &b->schemes[i]))
                        return false;
        return true;
}

/* Whether the engine can go on under this configuration, and with what changed. */
static bool can_go_on(Step *step) {
        const MonitorConfig *asked = engine_asked(step->old);
        MonitorConfig same_attrs = *step->config;
        EngineState state = engine_state(step->old);

        if (state == ENGINE_ENDED || state == ENGINE_FAILED)
                return false;
        step->attrs = !monitor_config_equal(asked, step->config);
        step->schemes = !schemes_equal(engine_config(step->old), step->config);

        same_attrs.attrs = asked->attrs;
        return monitor_config_equal(asked, &same_attrs);
}

static int complain(ConfigErrors *errors, const MonitorConfig *config, size_t scheme, int r, const char *reason) {
        const SchemeConfig *s = scheme < config->n_schemes ? &config->schemes[scheme] : NULL;

        config_errors_resume(errors, config->file);
        return config_errors_addf(errors, s ? s->line : 0, s ? s->column : 0, "monitor '%s': %s", config->name,
                                  reason ?: error_text(r));
}

/* Whether there is nothing new about a monitor that has ended or failed. */
static bool may_stay_over(const Step *step) {
        EngineState state = step->old ? engine_state(step->old) : ENGINE_RUNNING;

        return (state == ENGINE_ENDED || state == ENGINE_FAILED) &&
               monitor_config_equal(engine_asked(step->old), step->config) &&
               schemes_equal(engine_config(step->old), step->config);
}

/* Prepares one step; what is wrong is in the errors. 0 or -ENOMEM. */
static int prepare(Manager *m, Step *step, ConfigErrors *errors) {
        EngineCallbacks callbacks = manager_callbacks(m);
        _cleanup_free_ char *reason = NULL;
        size_t bad = SIZE_MAX;
        int r;

        step->old = manager_find(m, step->config->name);
        if (step->old && !engine_from_file(step->old))
                return complain(errors, step->config, bad, 0, "one of that name was started by hand and runs");

        if (step->old && can_go_on(step))
                r = engine_check_schemes(step->old, step->config->schemes, step->config->n_schemes, &bad, &reason);
        else
                r = engine_new(&m->host, step->config, &callbacks, &step->new, &reason);
        if (r == -ENOMEM)
                return r;
        /* its process has gone, perhaps: that is known already, and no reason not to load the rest */
        if (r != 0 && may_stay_over(step))
                return 0;
        return r != 0 ? complain(errors, step->config, bad, r, reason) : 0;
}

static void replace(Manager *m, Step *step, ReloadReport *report) {
        manager_adopt(m, step->new);
        note(report, step->old ? RELOAD_CHANGED : RELOAD_STARTED, step->config->name);
        if (!step->old) {
                m->engines[m->n_engines++] = step->new;
                return;
        }
        for (size_t i = 0; i < m->n_engines; i++)
                if (m->engines[i] == step->old)
                        m->engines[i] = step->new;
        manager_end(m, step->old);
}

static void change(Step *step, ReloadReport *report) {
        int r = 0;

        if (step->attrs)
                engine_set_attrs(step->old, &step->config->attrs);
        if (step->schemes)
                r = engine_set_schemes(step->old, step->config->schemes, step->config->n_schemes, NULL);
        if (r != 0)
                log_error("monitor '%s' keeps its schemes: %s", step->config->name, error_text(r));
        note(report, step->attrs || step->schemes ? RELOAD_CHANGED : RELOAD_UNCHANGED, step->config->name);
}

static void stop_others(Manager *m, const Config *config, ReloadReport *report) {
        for (size_t i = m->n_engines; i > 0; i--) {
                Engine *engine = m->engines[i - 1];
                size_t k = 0;

                while (k < config->n_monitors && !streq(config->monitors[k].name, engine_config(engine)->name))
                        k++;
                if (k < config->n_monitors || !engine_from_file(engine))
                        continue;
                note(report, RELOAD_STOPPED, engine_config(engine)->name);
                (void) manager_stop(m, engine_config(engine)->name);
        }
}

static void give_up(Step *steps, size_t n) {
        for (size_t i = 0; i < n; i++)
                engine_free(steps[i].new);
}

static size_t count_by_hand(const Manager *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_engines; i++)
                n += !engine_from_file(m->engines[i]);
        return n;
}

int reload(Manager *m, const Config *config, ReloadReport *report, ConfigErrors *errors) {
        Step steps[MONITORS_MAX] = {};
        int r = 0;

        if (config->n_monitors + count_by_hand(m) > MONITORS_MAX) {
                config_errors_resume(errors, 0);
                r = config_errors_addf(errors, 0, 0, "more than %d monitors, with those started by hand", MONITORS_MAX);
                return r < 0 ? r : -EINVAL;
        }

        for (size_t i = 0; i < config->n_monitors && r == 0; i++) {
                steps[i].config = &config->monitors[i];
                r = prepare(m, &steps[i], errors);
        }
        if (r < 0 || errors->n > 0) {
                give_up(steps, config->n_monitors);
                return r < 0 ? r : -EINVAL;
        }

        stop_others(m, config, report);
        for (size_t i = 0; i < config->n_monitors; i++) {
                if (steps[i].new)
                        replace(m, &steps[i], report);
                else
                        change(&steps[i], report);
        }
        manager_watch(m);
        return 0;
}
