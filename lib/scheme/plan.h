/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan: what the schemes decided; nothing is done yet. And its result: what came of it.
 *
 * A plan is immutable from the moment it is handed to the worker until the result has come back; both are
 * created and freed by the thread that decides (the references they hold are not atomic). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "monitor/map.h"
#include "scheme/scheme.h"

/* A scheme's configuration, shared by reference between what runs and what was planned. */
typedef struct SchemeSpec {
        unsigned n_ref;
        SchemeConfig config;
} SchemeSpec;

/* A new one with a deep copy. -ENOMEM. */
int scheme_spec_new(const SchemeConfig *config, SchemeSpec **ret);
SchemeSpec *scheme_spec_ref(SchemeSpec *spec);
SchemeSpec *scheme_spec_unref(SchemeSpec *spec); /* returns NULL; accepts NULL */

typedef struct PlanTarget {
        uint64_t id;         /* the monitor's */
        pid_t pid;           /* 0: physical memory; or a simulated one, which nobody can act on */
        bool physical;
        uint64_t start_time; /* of the process, as in PidRef; 0: not known */
        uint32_t address_space;
        AddressMap *map;     /* as the snapshot had it; a reference */
} PlanTarget;

/* What one scheme may do in this plan. */
typedef struct PlanScheme {
        uint64_t id;       /* which scheme of the set */
        SchemeSpec *spec;  /* a reference */
        bool dry_run;      /* survey only */
        uint64_t bytes_max; /* that may be tried; UINT64_MAX: no limit */
        nsec_t time_max;    /* NSEC_INFINITY: no limit */
        uint64_t swap_max;  /* bytes of anonymous memory that may be handed to swap */
        nsec_t deadline;    /* no batch begins after it (CLOCK_MONOTONIC); NSEC_INFINITY: none */
} PlanScheme;

/* One range to act on, whole pages. */
typedef struct PlanItem {
        uint32_t scheme; /* index into schemes */
        uint32_t target; /* index into targets */
        uint64_t start;
        uint64_t end;
        double score;
        bool decided; /* a core filter allowed it: page-level filters are not asked */
} PlanItem;

/* A range that was acted on earlier, to be looked at again: how much of it has come back? */
typedef struct PlanAudit {
        uint32_t target; /* index into targets */
        uint64_t start;
        uint64_t end;
        uint64_t cookie; /* the decider's: id of the scheme */
} PlanAudit;

typedef struct Plan {
        uint64_t sequence; /* of the plan, from 1 */
        uint64_t swap_room;    /* bytes that all schemes together may hand to swap; UINT64_MAX: any */
        uint64_t swap_reserve; /* bytes of swap that are left for others */
        PlanTarget *targets;
        size_t n_targets;
        PlanScheme *schemes;
        size_t n_schemes;
        PlanItem *items; /* in the order in which they are to be done: by scheme, then best first */
        size_t n_items;
        PlanAudit *audits; /* done first */
        size_t n_audits;
} Plan;

Plan *plan_new(size_t n_targets, size_t n_schemes, size_t n_items, size_t n_audits);
/* Drops its references; returns NULL; accepts NULL. */
Plan *plan_free(Plan *plan);

/* Why bytes of an item were not acted on. Every byte of an item that was reached is in exactly one place:
 * tried, filtered, nothing, or one of these. */
typedef enum Outcome {
        OUTCOME_UNREACHED,   /* a limit, the deadline or the end of the daemon came first: may be planned again */
        OUTCOME_NOTHING,     /* nothing there that the action could change (not resident, swapped already …) */
        OUTCOME_FILTERED,    /* a page-level filter held it back */
        OUTCOME_UNKNOWN,     /* a fact that a filter asks for could not be learned */
        OUTCOME_SHARED,      /* pages that other processes map, too: the kernel skips them */
        OUTCOME_EDGE,        /* part of a huge page that the range holds only partly */
        OUTCOME_UNEVICTABLE, /* mlocked, hugetlb, device memory */
        OUTCOME_NO_SWAP,     /* anonymous memory without room in swap */
        OUTCOME_SWAP_RATE,   /* … beyond swap_out_max */
        OUTCOME_UNMAPPED,    /* not mapped any more, or mapped anew since the snapshot */
        OUTCOME_GONE,        /* the process has ended */
        OUTCOME_REPLACED,    /* exec: another address space */
        OUTCOME_DENIED,      /* no permission */
        OUTCOME_PROTECTED,   /* the daemon itself, a kernel thread, init */
        OUTCOME_THERE,       /* on its destination already */
        OUTCOME_NO_ROOM,     /* no room on the destination, but for the reserve */
        OUTCOME_POLICY,      /* the process's cpuset or memory policy does not allow the destination */
        OUTCOME_NO_NODE,     /* the destination is offline, or has no memory (any more) */
        OUTCOME_BUSY,        /* pinned, under I/O, or being worked on: the kernel could not take it off its lists */
        OUTCOME_UNMOVED,     /* the kernel tried, and left it where it was without saying why */
        OUTCOME_NO_MAPPING,  /* of physical memory: in the cache, but no process maps it, so nobody can be told */
        OUTCOME_NOT_FOUND,   /* … mapped, but by which process was not found (in time) */
        OUTCOME_MOVED,       /* … when it was to be acted on, that address had another page already, or none */
        OUTCOME_FAILED,      /* the kernel refused with an error number */
        _OUTCOME_MAX,
} Outcome;

/* "unreached", "nothing" … as in the interface. */
const char *outcome_name(Outcome outcome);

typedef struct ItemResult {
        uint64_t stopped_at; /* address up to which the item was worked on; start: not reached at all */
        uint64_t tried;      /* bytes handed to the kernel (dry run: that would have been) */
        uint64_t applied;    /* … that it acted on, as measured; 0 in a dry run */
        uint64_t anon;       /* … of `tried`: handed to swap */
        uint64_t left;       /* bytes of [start, stopped_at) that were resident afterwards */
        uint64_t others[_OUTCOME_MAX]; /* bytes; the sum with `tried` is the size of the item */
        nsec_t time;
} ItemResult;

#define PLAN_ERRORS_MAX 8

typedef struct ErrorCount {
        int error; /* errno, positive; 0: unused */
        uint64_t count;
} ErrorCount;

/* Counts an error number (positive); the last place takes all that find no other. */
void error_counts_add(ErrorCount counts[static PLAN_ERRORS_MAX], int error, uint64_t n);

#define PLAN_MOVES_MAX 16

/* What went from one NUMA node to another. */
typedef struct MoveCount {
        int32_t from; /* -1: of several pairs of nodes, that found no place of their own */
        int32_t to;
        uint64_t bytes; /* 0: unused */
} MoveCount;

void move_counts_add(MoveCount counts[static PLAN_MOVES_MAX], int32_t from, int32_t to, uint64_t bytes);

typedef struct SchemeResult {
        uint64_t calls; /* system calls that acted */
        nsec_t longest;        /* batch: until it was over, whoever had the CPU */
        nsec_t longest_cpu;    /* batch, by the time that our thread worked */
        nsec_t longest_lookup; /* what was learned of a process before a batch, or of physical memory */
        ErrorCount errors[PLAN_ERRORS_MAX];
        MoveCount moves[PLAN_MOVES_MAX];
        bool bytes_ran_out; /* why items were not reached */
        bool time_ran_out;
        bool late; /* the deadline */
} SchemeResult;

typedef struct AuditResult {
        bool known;
        uint64_t resident; /* bytes of the range */
        uint64_t back;     /* of physical memory instead: bytes that came back since the last audit */
} AuditResult;

typedef struct PlanResult {
        uint64_t sequence;
        ItemResult *items;     /* n_items of the plan */
        SchemeResult *schemes; /* n_schemes */
        AuditResult *audits;   /* n_audits */
        bool cancelled;
        int error; /* negative: what broke the whole (out of memory) */
} PlanResult;

/* Room for the results of this plan; every item not reached. NULL: out of memory. */
PlanResult *plan_result_new(const Plan *plan);
PlanResult *plan_result_free(PlanResult *result);

/* Fills the result as a dry run would, without looking at any process: all bytes of a range count as there. For
 * simulated targets and recordings. */
void plan_pretend(const Plan *plan, PlanResult *result);
