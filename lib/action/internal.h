/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the actor share.
 *
 * The way of a batch: target.c says which part of an item is still mapped as planned; survey.c reads the pages;
 * select.c decides page by page (facts.c learns what filters ask for); act.c hands over what is selected;
 * measure.c looks again and counts. actor.c is the loop around it. */
#pragma once

#include <stdint.h>
#include <sys/uio.h>

#include "action/actor.h"
#include "action/policy.h"
#include "action/reverse.h"
#include "action/taken.h"
#include "base/macro.h"
#include "kernel/layout.h"
#include "kernel/maps.h"
#include "kernel/process.h"
#include "kernel/system.h"
#include "kernel/tiers.h"
#include "scheme/parts.h"
#include "scheme/plan.h"

/* ---- What an action is done by ---- */

/* Advice that a process may be given by another; some is newer than some installed headers. */
#define MADVISE_WILLNEED 3
#define MADVISE_COLD 20
#define MADVISE_PAGEOUT 21
#define MADVISE_COLLAPSE 25

typedef enum Means {
        MEANS_NONE,    /* only counted */
        MEANS_ADVICE,  /* process_madvise() */
        MEANS_SPLIT,   /* debugfs */
        MEANS_READ,    /* process_vm_readv() */
        MEANS_MOVE,    /* move_pages() */
} Means;

/* What must not be cut. */
typedef enum Unit {
        UNIT_PAGE,
        UNIT_FOLIO, /* a huge page of any order that the kernel would split otherwise */
        UNIT_BLOCK, /* what one entry of the level above maps: 2 MiB of 4 KiB pages */
} Unit;

typedef enum Wants {
        WANTS_PRESENT,
        WANTS_ABSENT,   /* swapped; or not resident, of a file */
        WANTS_CONTENT,  /* present or swapped */
        WANTS_SMALL,    /* blocks that are not huge but hold something */
        WANTS_HUGE,     /* blocks that are */
} Wants;

typedef struct ActionTraits {
        Means means;
        int advice;
        Unit unit;
        Wants wants;
        bool exclusive; /* the kernel skips pages that others map, too */
        bool swaps;     /* anonymous memory goes to swap */
} ActionTraits;

extern const ActionTraits action_traits[_ACTION_MAX];

/* ---- How fast ---- */

/* What a byte costs depends on the unit that it is moved in. */
typedef enum UnitSize {
        SIZE_PAGE,
        SIZE_LARGE,
        SIZE_BLOCK,
        _SIZE_MAX,
} UnitSize;

/* Sizes batches by the time that a byte took. */
typedef struct Pace {
        double ns_per_byte; /* moving average; 0: not measured yet */
        uint64_t size;      /* bytes of the next batch at most */
} Pace;

typedef struct ActPace {
        Pace sizes[_SIZE_MAX];
        UnitSize usual; /* what the last batch had most of */
        double density; /* share of what was looked at that was acted on; moving average */
} ActPace;

/* What a batch may take. */
typedef struct Limit {
        const ActPace *pace;
        nsec_t time;
        uint64_t least; /* bytes that are acted on however long that takes */
} Limit;

/* The same moment by the clocks of ActionIo. */
typedef struct Moment {
        nsec_t now;
        nsec_t busy;
        nsec_t cpu;
} Moment;

/* ---- Pages of a batch ---- */

/* What becomes of a page: an Outcome, or one of these. */
enum {
        PAGE_SELECTED = _OUTCOME_MAX, /* and, once acted on, accepted */
        PAGE_FOUND,  /* of physical memory: wanted, and a process that maps it is known */
        PAGE_UNSURE, /* the mapping changed under the call: handed over, done or gone */
};

/* The most pages in a batch; it may be extended by a block, so as not to cut a huge page. */
#define BATCH_PAGES ((size_t) 8192)
/* How many ranges or pages one system call takes. */
#define CALL_MAX ((size_t) 1024)

/* Part of an item, in one mapping, that is (or is not) as it was planned. */
typedef struct Piece {
        uint64_t start;
        uint64_t end;
        Range mapping; /* all of it, as of now */
        bool mapped;
        bool anon;
        bool hugetlb;
        bool swap_backed; /* shared memory and the like: of files, but goes to swap */
} Piece;

typedef struct Batch {
        const Piece *piece;
        uint64_t start; /* address of page 0 */
        size_t n;       /* pages of the batch */
        size_t n_read;  /* … that were looked at: n, and more where n would cut a huge page */
        uint64_t *entries; /* of pagemap; entries[-1] and entries[n_read] are there, too */
        uint64_t *flags;   /* of /proc/kpageflags, likewise; known where has_flags says so */
        uint8_t *has_flags;
        uint64_t *after;   /* of pagemap, once acted */
        uint8_t *marks;
        int *nodes;        /* where pages are; -errno: why that is not known */
        int *to;           /* where units go, by their first page; PAGE_TAIL for the rest */
        struct iovec *ranges;
        size_t n_ranges;
        uint64_t selected; /* bytes */
        uint64_t parts[_SIZE_MAX]; /* … of them in units of such a size */
        bool cut;          /* the batch ends early because the bytes ran out */
        bool swap_cut;     /* … because of swap_max */
        bool flags_read;   /* kpageflags could be read */
        bool acted;
        uint64_t block;    /* the last block that block_is_huge() looked at, and its answer; 1: none */
        bool block_huge;
} Batch;

#define PAGE_TAIL (-1)
#define PAGE_MOVED (-2) /* the unit has arrived */

/* ---- A plan under way ---- */

typedef struct LazyFd {
        bool tried;
        int fd; /* or -errno */
} LazyFd;

typedef struct TargetRun {
        const PlanTarget *plan;
        bool opened;
        bool failed;
        Outcome failure;
        int error; /* errno that goes with OUTCOME_FAILED */
        Process process;
        AddressMap *map; /* our own, as of now */
        nsec_t map_time;
        bool map_stale;
        bool mems_read;
        NodeSet mems; /* nodes that its cpuset allows */
        const Bindings *bindings; /* of its mappings to nodes; of the cache */
        uint64_t swap_room; /* bytes that its cgroups allow; looked at until … */
        nsec_t room_until;
} TargetRun;

typedef struct SchemeRun {
        const PlanScheme *plan;
        const ActionTraits *traits;
        SchemeResult *result;
        unsigned needs;   /* FilterNeeds of its page-level filters */
        bool has_filters; /* page-level ones */
        uint64_t *memcgs; /* inodes, per filter; NULL: none needed */
        uint64_t bytes_left;
        uint64_t swap_left;
        nsec_t time;
} SchemeRun;

typedef struct Run {
        const Plan *plan;
        PlanResult *result;
        const atomic_bool *stop;
        TargetRun *targets;
        SchemeRun *schemes;
        bool swap_full;
        uint64_t swap_room; /* bytes that the machine has for us; looked at until … */
        nsec_t room_until;
} Run;

/* An item under way. */
typedef struct ItemRun {
        const PlanItem *item;
        ItemResult *result;
        SchemeRun *scheme;
        TargetRun *target;
        Range refused; /* this mapping takes no advice of this kind */
        const Range *frames; /* only pages that lie here in physical memory (bytes); NULL: wherever they do */
        bool ended;      /* the rest is `rest` */
        Outcome rest;
} ItemRun;

/* ---- Where to ---- */

/* What is known of the destinations. */
typedef struct Places {
        Tiers tiers;
        bool known;
        nsec_t time;      /* when they were looked at */
        uint64_t *room;   /* by index of the node: bytes that may still go there */
        nsec_t room_time; /* when that was read */
        bool exclusive;   /* what others map, too, may not be moved */
        bool layout_read;
        Layout layout;    /* which page frames are whose; nothing in it: that is not known */
} Places;

struct Actor {
        const RootFds *roots;
        const ActionIo *act;
        Io io;
        HugetlbDevices hugetlb;
        uint64_t page; /* bytes */
        size_t block;  /* pages */
        LazyFd kpageflags;
        LazyFd kpagecgroup;
        LazyFd bitmap;
        LazyFd split;
        Pace surveys[2]; /* without and with filters */
        ActPace acts[_ACTION_MAX];
        Places places;
        PolicyCache policies;
        Reverse reverse;
        Taken taken;
        unsigned search_failures; /* searches through all processes that were in vain, in a row */
        unsigned search_pause;    /* so many plans go without one */
        Batch batch;
        uint64_t *storage;  /* of the batch */
        uint64_t *scratch;  /* a block of entries or flags */
        Run run;
};

static inline uint64_t page_address(const Actor *actor, const Batch *batch, size_t i) {
        return batch->start + i * actor->page;
}

static inline uint64_t block_size(const Actor *actor) {
        return actor->block * actor->page;
}

/* The file descriptor, opened at first use, or -errno. */
int lazy_fd(LazyFd *lazy, int root, const char *path, int flags);

/* Counts an error number (positive). */
void count_error(SchemeResult *result, int error);

/* ---- actor.c ---- */

bool is_stopped(Run *run);
/* Whether another batch may begin; if not, the scheme's result says why. */
bool may_begin(Actor *actor, const ItemRun *item, nsec_t now);
/* Why nothing must be done to this target at all. */
bool is_protected(const PlanTarget *target, const SchemeConfig *config);
/* Time that this thread has worked or waited. */
nsec_t actor_busy(const Actor *actor);
void end_item(ItemRun *item, Outcome outcome);
/* The target is no use any more: that is what became of the rest. */
void end_by_target(ItemRun *item);
/* All of the item's target in [start, end), which is whole pages, or as far as it gets: that address. What was not
 * reached is counted, too. */
uint64_t run_range(Actor *actor, ItemRun *item, uint64_t start, uint64_t end);

/* ---- pace.c ---- */

void act_pace_init(ActPace *pace);
void pace_init(Pace *pace);

Moment actor_moment(const Actor *actor);

/* How much may be handed over in this time, by what it took until now. */
uint64_t pace_bytes(const Limit *limit);
/* How much to look at, so as to find about as much to act on. */
uint64_t pace_look(const Actor *actor, const Pace *looking, nsec_t time, const Limit *limit);
/* Whether a unit of so many bytes may join the batch. */
bool pace_admits(const Actor *actor, const Limit *limit, uint64_t bytes);
UnitSize unit_size(const Actor *actor, uint64_t bytes);
void pace_update(Pace *pace, uint64_t bytes, nsec_t time);
/* After the batch was handed over. */
void pace_acted(Actor *actor, const ItemRun *item, const Moment *before, const Moment *after);
/* After it was selected. */
void pace_selected(ActPace *pace, const Batch *batch, uint64_t looked_at);

/* ---- physical.c ---- */

/* An item whose target is physical memory. */
void run_physical(Actor *actor, const PlanItem *plan, ItemResult *result);

/* ---- reverse-build.c ---- */

/* Builds the index of the physical memory that items of this scheme lie in, from this item and this address on. 0 or
 * -ENOMEM; what it had no time for is not reached, or not found. */
int reverse_build(Actor *actor, const SchemeRun *scheme, size_t item, uint64_t from);

/* ---- target.c ---- */

/* Makes sure that the target is the process that was planned, lives, has the address space that it had at the
 * first call, and that its map is fresh. False: target->failure says why not. */
bool target_ready(Actor *actor, TargetRun *target);
/* Only that the address space is still there. */
bool target_verify(Actor *actor, TargetRun *target);
void target_close(TargetRun *target);
/* Notes a result of kernel/process.h as the end of this target. */
void target_fail(TargetRun *target, int r);

/* The first piece of [start, end): either mapped as planned, or not at all. */
void piece_next(const AddressMap *planned, const AddressMap *fresh, uint64_t start, uint64_t end, Piece *ret);

/* ---- survey.c ---- */

/* Reads n entries of pagemap; zeros beyond the address space. False: the target has failed. */
bool read_entries(Actor *actor, TargetRun *target, uint64_t addr, uint64_t *entries, size_t n);

/* Looks at the piece from `start` on, and sets the batch: some `size` bytes, in whole units where possible.
 * False: the target has failed. */
bool survey(Actor *actor, TargetRun *target, const SchemeRun *scheme, const Piece *piece, uint64_t start,
            uint64_t size);

/* The flags of the frame of page i (0 to n_read); false where they cannot be known. */
bool page_flags(Actor *actor, size_t i, uint64_t *ret);

/* Whether the boundary before page i (0 to n_read) lies inside a huge page. */
bool is_joined(Actor *actor, TargetRun *target, size_t i);

/* Whether the block of pages from i on (all in the batch) is one huge page, by these entries. */
bool block_is_huge(Actor *actor, const uint64_t *entries, size_t i);

/* ---- facts.c ---- */

/* The page-level filters over all pages that are still selected. */
void filter_pages(Actor *actor, TargetRun *target, const SchemeRun *scheme);
/* Inodes of the cgroups that the filters name. 0 or -ENOMEM. */
int filters_prepare(Actor *actor, SchemeRun *scheme);

/* ---- room.c ---- */

/* Looks how much room there is in swap, unless that was done just now. */
void room_look(Actor *actor, TargetRun *target);
uint64_t room_left(const Actor *actor, const TargetRun *target);
void room_take(Actor *actor, TargetRun *target, uint64_t bytes);

/* ---- select.c ---- */

/* Whether paging out a page with this entry takes room in swap. */
bool goes_to_swap(const Batch *batch, const ActionTraits *traits, uint64_t entry);

/* The end of the unit that begins with page i; for blocks also of what is left before or after them. */
size_t unit_end(Actor *actor, const ItemRun *item, size_t i);

/* Marks every page; may shorten the batch. The limit does not hold for the first unit. */
void select_pages(Actor *actor, ItemRun *item, const Limit *limit);

/* ---- places.c ---- */

void places_deinit(Places *places);
/* What is known of nodes is wrong: it is read again before it is used. */
void places_forget(Places *places);

/* Learns what is not of one batch alone: the nodes that the process may use, where memory lies. The kernel may take its
 * time over that: a walk over all page tables of the process, once in a while. */
void places_prepare(Actor *actor, TargetRun *target);
/* The nodes of the pages of the batch that are still selected. */
void learn_nodes(Actor *actor, const TargetRun *target);
/* Where each selected unit of the batch goes; marks those that stay where they are. */
void place_pages(Actor *actor, ItemRun *item);
/* Takes room on its destination for the unit of pages i to end. False: there is none. */
bool place_take(Actor *actor, const ItemRun *item, size_t i, size_t end);
void place_give_back(Actor *actor, int node, uint64_t bytes);
/* The node took nothing more. */
void place_is_full(Actor *actor, int node);

/* ---- migrate.c ---- */

/* Moves the selected units; marks those that were not moved. */
void migrate(Actor *actor, ItemRun *item);

/* ---- act.c ---- */

/* Nothing of ranges or pages from the i-th on was accepted, nor will the rest of the item be. */
void refuse_rest(Actor *actor, ItemRun *item, size_t i, Outcome outcome);

/* Hands the selected pages over; marks those that the kernel did not take. */
void act(Actor *actor, ItemRun *item);

/* ---- taken.c ---- */

/* Remembers what of the batch is away now. */
void taken_note(Actor *actor, const ItemRun *item);
/* Looks at part of what the scheme (by its id) took, the part that was not looked at for longest. Returns the bytes
 * that have come back since; these are forgotten. */
uint64_t taken_audit(Actor *actor, uint64_t scheme);

/* ---- measure.c ---- */

/* Looks again, and counts every page of the batch in the result. */
void measure(Actor *actor, ItemRun *item);
