/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of a running monitor share. */
#pragma once

#include "choose-source.h"
#include "engine.h"
#include "lateness.h"
#include "pace.h"

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
        nsec_t last_follow;
        Pace pace;
        Lateness lateness;
        sd_event_source *step_timer;
        nsec_t step_end; /* of the last one, CLOCK_MONOTONIC */
        nsec_t step_cpu; /* that it took, where that is measured */
        bool starved;    /* of descriptors, when it last looked; told */
        sd_event_source *follow_timer;
        EngineState state;
        char *message;
        bool from_file;
        bool late; /* the last step ended after the next one was due */
        bool told_full; /* that there are more processes than it has room for */
        nsec_t follow_cpu; /* that following took since it was last governed */
        bool crowded;   /* one found no room lately */
        uint64_t last_update; /* of the maps, when engine_add_memory() was called last */
};

/* Why it failed, or what it waits for; NULL: nothing. Copied. */
void engine_set_message(Engine *engine, const char *text);

/* Nothing further comes of it; tells the owner. */
void engine_finish(Engine *engine, EngineState state, const char *message);
void engine_fail(Engine *engine, int error);

/* Those that were named when it started. 0, ENGINE_E_TARGET or -errno, with the reason. */
int engine_add_targets(Engine *engine, char **ret_error);

/* The parts of physical memory that a monitor of that watches. Called again, adds nodes that have come since. As
 * engine_add_targets(). */
int engine_add_memory(Engine *engine, char **ret_error);

/* Lets go of targets that have ended. all: their last window has been published, or there is no room for others;
 * otherwise of those that have nothing to be published. */
void engine_drop_ended(Engine *engine, bool all);

/* After an exec the command is another one. */
void engine_refresh_names(Engine *engine);

/* Says what it waits for, if it does. */
void engine_say_waiting(Engine *engine);

/* Knows what is to be followed. 0 or -errno. */
int engine_start_following(Engine *engine);
int engine_on_follow(sd_event_source *s, uint64_t usec, void *userdata); /* (sd_event_time_handler_t) */

/* As engine_set_schemes(), for the first time. */
int engine_start_acting(Engine *engine, char **ret_error);
