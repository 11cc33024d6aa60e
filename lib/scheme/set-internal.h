/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of a scheme set share. Internal to lib/scheme. */
#pragma once

#include "scheme/ledger.h"
#include "scheme/set.h"

/* What may be handed to swap at once is what the rate allows in this time. */
#define SWAP_BURST NSEC_PER_SEC

/* A scheme in force. */
typedef struct Running {
        uint64_t id;
        SchemeSpec *spec;
        SchemeStats stats;
        QuotaState quota;
        WatermarkState watermark;
        Ledger ledger;
        double *inputs; /* for each goal: what users fed in */
        nsec_t next_apply;
        bool continuing; /* the last pass had to stop for the quota: goes on when the next window opens */
        double swap_tokens; /* bytes that may be handed to swap now */
        nsec_t swap_time;
        nsec_t swap_again; /* the last pass had to stop for the rate: when it goes on; 0: it had not */
        /* both fade: the share is what GOAL_REFAULT_RATE means */
        double recent_applied;
        double recent_back;
        nsec_t recent_time;
        double ease;        /* share of the ledger's patience that is insisted on, up to 1 */
        uint64_t held_back; /* bytes that only patience kept from being planned, in the last pass */
} Running;

struct SchemeSet {
        Running **schemes;
        size_t n;
        uint64_t last_id;
        uint64_t plans;
        uint64_t sequence; /* of the last snapshot that was looked at */
        ActEntry log[ACT_LOG_MAX];
        size_t log_n;
        size_t log_next;
};

Running *running_free(Running *running);

/* Lets what is recent fade to `now`. */
void running_fade(Running *running, nsec_t now);

/* A window in which so much was charged has ended, and the goals were read. How much may come back is what a goal is
 * there to say: patience must not keep it out of reach for ever. */
void running_adapt_ease(Running *running, uint64_t charged, nsec_t elapsed);

static inline bool running_acts(const Running *running) {
        return running->spec->config.action != ACTION_STAT && !running->spec->config.dry_run;
}

/* How long memory is left alone after it was acted on: as DAMON, which has it begin a new age. */
nsec_t running_rest(const Running *running);

/* What was done to cold memory and is used again was done wrongly. Not so wrongly where memory was only moved: that
 * is no reason to leave other memory of the target alone as well. */
static inline bool running_is_patient(const Running *running) {
        Action action = running->spec->config.action;

        return action_preference(action) == PREFER_COLD && !action_migrates(action);
}

/* What was done to cold memory and is used again was done wrongly. */
static inline bool running_backs_off(const Running *running) {
        return action_preference(running->spec->config.action) == PREFER_COLD;
}
