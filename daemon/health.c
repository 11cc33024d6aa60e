/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signs of life for the service manager. */
#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/format.h"
#include "log.h"

/* How often the status is looked at where no watchdog wants it more often. */
#define LOOK_INTERVAL (10 * NSEC_PER_SEC)

static char *status_text(const Manager *m) {
        size_t running = 0, waiting = 0;
        char *text;

        for (size_t i = 0; i < m->n_engines; i++) {
                running += engine_state(m->engines[i]) == ENGINE_RUNNING;
                waiting += engine_state(m->engines[i]) == ENGINE_WAITING;
        }
        if (m->n_engines == 0)
                return strdup("No monitors");
        return asprintf(&text, "%zu monitor%s: %zu running, %zu waiting, %zu over", m->n_engines,
                        m->n_engines == 1 ? "" : "s", running, waiting, m->n_engines - running - waiting) < 0
                       ? NULL
                       : text;
}

static void tell_status(Health *h) {
        _cleanup_free_ char *text = status_text(h->manager);

        if (!text || (h->status && streq(h->status, text)))
                return;
        (void) sd_notifyf(0, "STATUS=%s", text);
        free(h->status);
        h->status = TAKE_PTR(text);
}

nsec_t health_overdue(const Manager *m, nsec_t now) {
        nsec_t most = 0;

        for (size_t i = 0; i < m->n_engines; i++) {
                nsec_t due = engine_step_due(m->engines[i]);

                if (due < now)
                        most = MAX(most, now - due);
        }
        return most;
}

static void look_at_workers(Health *h, nsec_t now) {
        bool stuck = false;

        for (size_t i = 0; i < h->manager->n_engines; i++) {
                const Engine *engine = h->manager->engines[i];
                nsec_t since = engine_acting_since(engine);

                if (since == 0 || now - MIN(since, now) < HEALTH_STUCK)
                        continue;
                stuck = true;
                if (!h->stuck)
                        log_warning("monitor '%s': what its schemes do has taken more than a minute (a slow swap "
                                    "device?); monitoring goes on",
                                    engine_config(engine)->name);
        }
        h->stuck = stuck;
}

static void feed(Health *h, nsec_t now) {
        nsec_t behind = health_overdue(h->manager, now);
        char text[FORMAT_MAX];

        if (h->watchdog == 0)
                return;
        if (behind <= h->watchdog * NSEC_PER_USEC / 2) {
                (void) sd_notify(0, "WATCHDOG=1");
                h->overdue = false;
                return;
        }
        if (!h->overdue)
                log_error("a monitor should have looked %s ago: the watchdog is not fed",
                          format_duration(text, behind));
        h->overdue = true;
}

static int on_look(sd_event_source *s, uint64_t usec, void *userdata) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        uint64_t interval = LOOK_INTERVAL / NSEC_PER_USEC;
        Health *h = userdata;
        int r;

        (void) usec;
        tell_status(h);
        look_at_workers(h, now);
        feed(h, now);

        if (h->watchdog > 0)
                interval = MIN(interval, h->watchdog / 4);
        r = sd_event_source_set_time(s, now / NSEC_PER_USEC + interval);
        return r < 0 ? r : sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

int health_init(Health *h, const Manager *manager) {
        int r;

        *h = (Health) { .manager = manager };
        r = sd_watchdog_enabled(0, &h->watchdog);
        if (r >= 0)
                r = sd_event_add_time(manager->host.event, &h->timer, CLOCK_MONOTONIC, 0, 0, on_look, h);
        if (r >= 0)
                r = sd_event_source_set_priority(h->timer, SD_EVENT_PRIORITY_IMPORTANT);
        return r < 0 ? r : 0;
}

void health_deinit(Health *h) {
        sd_event_source_disable_unref(h->timer);
        free(h->status);
        *h = (Health) {};
}
