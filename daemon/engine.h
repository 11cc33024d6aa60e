/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A running monitor: the pure loop of lib/monitor with a source, a timer and real processes. */
#pragma once

#include <systemd/sd-event.h>

#include "act.h"
#include "base/file.h"
#include "config/config.h"
#include "follow.h"
#include "history.h"
#include "monitor/monitor.h"
#include "probe/caps.h"

typedef enum EngineState {
        ENGINE_WAITING, /* for a target, or for the first aggregation */
        ENGINE_RUNNING,
        ENGINE_ENDED,   /* all targets have gone, and none can come */
        ENGINE_FAILED,
} EngineState;

/* "waiting", "running", "ended", "failed". */
const char *engine_state_name(EngineState state);

typedef struct Engine Engine;

/* What the engine tells its owner. Both may be called from within engine_new(). */
typedef struct EngineCallbacks {
        /* A new snapshot is there. */
        void (*snapshot)(Engine *engine, void *userdata);
        /* The state has changed to ENDED or FAILED: no further snapshot will come. */
        void (*finished)(Engine *engine, void *userdata);
        void *userdata;
} EngineCallbacks;

/* What all engines share; borrowed. */
typedef struct EngineHost {
        sd_event *event;
        const RootFds *roots;
        const Capabilities *caps;
        ActionSupport **support; /* what can be done to processes here; probed when first needed */
        const double *cpu_limit; /* what monitoring may take of one CPU; 0: no limit */
} EngineHost;

enum {
        ENGINE_E_SOURCE = 1, /* the source cannot be used here */
        ENGINE_E_TARGET = 2, /* a target named by pid cannot be watched */
        ENGINE_E_ACTION = ACTING_E_ACTION, /* a scheme asks for what cannot be done here */
};

/* Starts a monitor; the config is copied. 0, ENGINE_E_… or -errno, with the reason. */
int engine_new(const EngineHost *host, const MonitorConfig *config, const EngineCallbacks *callbacks,
               Engine **ret, char **ret_error);
Engine *engine_free(Engine *engine);

/* Puts other schemes in force, all or nothing. 0, ENGINE_E_ACTION with the reason, or -errno. */
int engine_set_schemes(Engine *engine, const SchemeConfig *schemes, size_t n, char **ret_error);

/* Swaps the intervals and the bounds of the regions at the next tick. */
void engine_set_attrs(Engine *engine, const MonitorAttrs *attrs);

/* Whether these schemes can do here what they say. As engine_set_schemes(). */
int engine_check_schemes(Engine *engine, const SchemeConfig *schemes, size_t n, size_t *ret_index, char **ret_error);

/* Whether it comes from the configuration file; otherwise it was started by hand. */
void engine_set_from_file(Engine *engine);
bool engine_from_file(const Engine *engine);

/* No scheme begins anything any more. */
void engine_stop_acting(Engine *engine);

/* The schemes; configuration as now in force. */
SchemeSet *engine_schemes(const Engine *engine);

const MonitorConfig *engine_config(const Engine *engine); /* with the seed, the intervals and the schemes in use */
const MonitorConfig *engine_asked(const Engine *engine); /* as it was asked for; schemes as at first */
EngineState engine_state(const Engine *engine);
const char *engine_message(const Engine *engine); /* why it failed, what it waits for; NULL for nothing */
const Source *engine_source(const Engine *engine);
const char *engine_source_reason(const Engine *engine);
const Follower *engine_follower(const Engine *engine);

/* The process behind a target; NULL: none. */
const Followed *engine_followed(const Engine *engine, uint64_t target);
const Monitor *engine_monitor(const Engine *engine);
const History *engine_history(const Engine *engine);
char *const *engine_warnings(const Engine *engine); /* NULL-terminated */

/* Whether what its checks cost is measured, for it is limited: by the daemon's limit, or because its source costs as
 * much as the target is large. */
bool engine_is_watched(const Engine *engine);

/* CPU time of what its schemes did, in all. */
nsec_t engine_acting_cpu(const Engine *engine);

/* Since when a plan of its schemes has been under way, CLOCK_MONOTONIC; 0: none is. */
nsec_t engine_acting_since(const Engine *engine);

/* When its next step is due, CLOCK_MONOTONIC; NSEC_INFINITY: none is. */
nsec_t engine_step_due(const Engine *engine);

/* There is a limit: a budget that has not been set yet begins low. Whether that was done now. */
bool engine_limit(Engine *engine, nsec_t elapsed);

/* There is no limit any more. */
void engine_unlimit(Engine *engine);

/* Adapts how often it looks, so that the daemon, which used `ratio` times what it may in the time `elapsed` since the
 * last call, keeps to its limit (pace.h). */
void engine_govern(Engine *engine, double ratio, nsec_t elapsed);

/* The share of a CPU that its steps took in the time `elapsed` since the last call of engine_govern(). */
double engine_spent(const Engine *engine, nsec_t elapsed);

/* What it used of a CPU when it was last governed; without acting. */
double engine_cpu_share(const Engine *engine);

/* Whether the kernel lets this user read the maps of the target's process (asks it now). False for one that has
 * ended. */
bool engine_owns_target(const Engine *engine, uint64_t target, uid_t uid);

/* How late its steps came after their deadlines: so late, or less, this share of the last ones. */
nsec_t engine_lateness(const Engine *engine, double share);

/* When the open window will end, CLOCK_MONOTONIC. */
nsec_t engine_next_snapshot(const Engine *engine);
