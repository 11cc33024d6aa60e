/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one scheme did lately, and where: so that nothing is done twice, that memory which comes back is
 * noticed, and that memory which keeps coming back is left alone. Internal to lib/scheme. */
#pragma once

#include "monitor/snapshot.h"

typedef struct LedgerEntry {
        uint64_t target;
        uint32_t address_space;
        uint64_t start;
        uint64_t end;
        nsec_t acted;
        nsec_t rest;       /* how long it is left alone, without what coming back adds */
        nsec_t rest_until;
        uint32_t level;    /* how often it came back: each time doubles the rest */
        bool came_back;    /* since it was acted on */
        bool settled;      /* all of it was where it is to be: looked at again ever more rarely */
        bool pretended;    /* by a dry run: nothing was taken, and audits have nothing to find */
        uint64_t applied;  /* bytes */
        uint64_t left;     /* bytes that were resident right afterwards */
        uint64_t back;     /* most bytes that an audit found resident beyond that */
        uint64_t returned; /* most bytes that were seen accessed in one window */
} LedgerEntry;

/* By target and address; disjoint. */
typedef struct Ledger {
        LedgerEntry *entries;
        size_t n;
        size_t allocated;
        size_t cursor; /* of the audits */
} Ledger;

#define LEDGER_MAX 8192
#define LEDGER_REST_MAX (60 * NSEC_PER_MINUTE)
#define LEDGER_SETTLED_MAX (16 * NSEC_PER_SEC) /* unless it rests longer anyway */

void ledger_deinit(Ledger *ledger);

/* Takes an entry down; where it overlaps older ones they shrink, and what they knew about coming back is
 * inherited, and so is what they took and what is still away (see left). rest_until, level, came_back, back and
 * returned are set here. *ret_back (or NULL): bytes that had come back before they were taken again, and that no audit
 * had seen; no more than is certain. With the ledger full the entry that would have been forgotten first goes. 0 or
 * -ENOMEM. */
int ledger_add(Ledger *ledger, const LedgerEntry *entry, uint64_t *ret_back);

typedef int (*ledger_piece_t)(void *userdata, uint64_t start, uint64_t end);

/* Calls back with the parts of a range that are not resting, in address order. 0, or what the callback
 * returned when it was not 0. */
int ledger_visit_free(const Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, nsec_t now,
                      ledger_piece_t piece, void *userdata);

/* Looks where entries were accessed in the snapshot's window, if that began after they were acted on. Returns
 * the bytes that this adds to what came back. back_off: longer rests for what does. */
uint64_t ledger_observe(Ledger *ledger, const Snapshot *snapshot, bool back_off);

/* An audit found so many bytes of the entry with exactly this range resident. Returns the bytes that this adds
 * to what came back; 0 where there is no such entry any more. */
uint64_t ledger_audit(Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, uint64_t resident, nsec_t now,
                      bool back_off);

/* The next entries to audit, round robin, up to so many and so many bytes. Returns how many. */
size_t ledger_next_audits(Ledger *ledger, LedgerEntry *ret, size_t max, uint64_t bytes_max);

/* How long memory of a target must have been idle, beyond what is asked of it otherwise, for what came back teaches
 * about the rest of the target, too: rest / (1 - share)^2, where `share` of what was taken long enough ago to have
 * come back did come back. 0 where that is less than a tenth; at most 64 rests. */
nsec_t ledger_patience(const Ledger *ledger, uint64_t target, nsec_t now);

/* Another scheme moved `applied` bytes of a range somewhere else. What was settled there is not any more. opposite: it
 * moves memory the other way; then what is known of the range has come back (back_off), or is forgotten (not back_off).
 * Returns how many bytes of what this one had moved that was. */
uint64_t ledger_moved(Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, uint64_t applied, nsec_t now,
                      bool opposite, bool back_off);

/* Forgets what was only pretended to be done. */
void ledger_drop_pretended(Ledger *ledger);

/* Forgets what has rested for long, and what belongs to targets or address spaces that have gone. */
void ledger_expire(Ledger *ledger, const Snapshot *snapshot, nsec_t now);

/* Bytes that rest now; *ret_longer: of these, because they came back. */
uint64_t ledger_resting(const Ledger *ledger, nsec_t now, uint64_t *ret_longer);
