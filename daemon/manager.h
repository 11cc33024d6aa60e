/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All monitors of the daemon. */
#pragma once

#include "engine.h"
#include "subscribe.h"

#define MONITORS_MAX 32

typedef struct State State;

typedef struct Manager {
        EngineHost host;
        ActionSupport *support; /* NULL until a scheme needs it */
        Engine *engines[MONITORS_MAX]; /* in order of their start */
        size_t n_engines;
        Subscribers subscribers;
        State *state; /* what was saved; NULL: nothing is */

        double cpu_limit; /* share of one CPU that monitoring may take; 0: no limit */
        sd_event_source *governor;
        nsec_t governed; /* when, CLOCK_MONOTONIC */
        nsec_t governed_cpu; /* CPU time of the process without its workers then */
        nsec_t past_acting;  /* CPU time of the workers of engines that have gone */
        double cpu_share; /* used up to then */
} Manager;

enum {
        MANAGER_E_EXISTS = 16, /* beside ENGINE_E_… */
        MANAGER_E_FULL = 17,
};

/* host is copied; what it points to must outlive the manager. cpu_limit: the share of one CPU that monitoring may
 * take, answering clients and waking up included, but not what schemes do (they have quotas); 0: no limit. */
int manager_init(Manager *manager, const EngineHost *host, double cpu_limit);
void manager_deinit(Manager *manager);

/* From now on; as for manager_init(). Monitors that were slowed down for the old limit find their pace anew. */
void manager_set_cpu_limit(Manager *manager, double cpu_limit);

/* No scheme will act, whatever it says: those that would are refused. To be called before any monitor starts. 0 or
 * -ENOMEM. */
int manager_observe(Manager *manager);

/* What engines tell their owner. */
EngineCallbacks manager_callbacks(Manager *manager);

/* Nothing is begun by any scheme any more. */
void manager_stop_acting(Manager *manager);

/* Starts a monitor. A config without a name is named after its first target. 0, MANAGER_E_…,
 * ENGINE_E_… or -errno, with the reason. */
int manager_start(Manager *manager, MonitorConfig *config, Engine **ret, char **ret_error);

/* An engine of the configuration file has just started: it gets back what was saved of it. */
void manager_adopt(Manager *manager, Engine *engine);

/* Engines were added: what they cost is watched from now on, where that is limited. */
void manager_watch(Manager *manager);

/* Ends an engine that is (or was) one of the manager's, and the streams of its snapshots. */
void manager_end(Manager *manager, Engine *engine);

/* Stops it and ends the streams of its snapshots. -ENOENT. */
int manager_stop(Manager *manager, const char *name);

Engine *manager_find(const Manager *manager, const char *name);
