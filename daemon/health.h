/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the service manager is told while the daemon runs: that it makes progress (the watchdog), and how it is.
 *
 * Progress is more than a loop that turns: as long as a monitor has a step that is long overdue, the watchdog is not
 * fed. A worker that waits for a slow swap device is no reason to end the daemon, whose monitors and clients do not
 * wait for it: that is only reported. */
#pragma once

#include "manager.h"

typedef struct Health {
        const Manager *manager;
        sd_event_source *timer;
        uint64_t watchdog; /* what the service manager allows without a sign of life, in us; 0: it does not ask */
        char *status;      /* as told last */
        bool overdue;      /* reported */
        bool stuck;        /* reported */
} Health;

/* A worker that has been at one batch for so long is stuck. */
#define HEALTH_STUCK (60 * NSEC_PER_SEC)

/* The manager must outlive it. 0 or -errno. */
int health_init(Health *health, const Manager *manager);
void health_deinit(Health *health);

/* How far the most overdue step of a monitor is behind; 0: none is. */
nsec_t health_overdue(const Manager *manager, nsec_t now);
