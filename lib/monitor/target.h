/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target inside a monitor: one process's address space, its regions and its open samples. */
#pragma once

#include <sys/types.h>

#include "monitor/map.h"
#include "monitor/ops.h"
#include "monitor/region.h"
#include "monitor/snapshot.h"

typedef struct Target {
        uint64_t id;
        pid_t pid;
        char command[TARGET_COMMAND_MAX];
        TargetState state;
        uint32_t address_space;
        SpaceSize size; /* as last seen */
        nsec_t next_look;     /* when to see whether it has changed */
        bool map_is_due;      /* … to be read again in this step */
        nsec_t look_interval; /* doubles from look to look */

        Source *source; /* borrowed */
        Space *space;   /* owned; detached with the target */
        AddressMap *map;

        RegionList list;
        Sample *samples; /* open between prepare and check; in address order */
        size_t n_samples;
        size_t n_checked; /* of the last check: their verdicts are still in `samples` */
        size_t samples_allocated;
        uint64_t heir_of; /* the target that it was forked by, until its map has been read; 0: none */
        nsec_t forked;
        uint64_t walk; /* of the policy `directed`: where its exploration is, in 2^-64 of the whole */
} Target;

/* Takes over the space (also on failure). */
int target_new(uint64_t id, pid_t pid, const char *command, Source *source, Space *space, Target **ret);
Target *target_free(Target *target);

/* It is over with it: lets go of the space. What was learned stays. */
void target_end(Target *target, TargetState state);

/* Whether the open window has taught anything of it. */
bool target_has_samples(const Target *target);

/* Reads the map again and fits the regions to at most max_ranges ranges of it; gaps that are small
 * against a region of 1 / min_regions of the whole are not kept apart. Returns 0, an OPS_E_…
 * outcome (already noted in the target's state) or -errno. */
int target_update(Target *target, size_t max_ranges, uint32_t min_regions, nsec_t now);

/* Fits the regions to at most max_ranges ranges of this map. 0 or -ENOMEM. */
int target_fit(Target *target, const AddressMap *map, size_t max_ranges, uint32_t min_regions, nsec_t now);

/* Reads how large the address space is. A size that has changed means that the map is out of date:
 * true. */
bool target_look(Target *target, nsec_t now, nsec_t shortest, nsec_t longest);

/* Opens and closes samples. On OPS_E_REPLACED the history is dropped and the map is read anew by the
 * next update. */
int target_prepare(Target *target);
int target_check(Target *target);

/* Whose the page is; the source must be able to tell. Returns like target_update(). */
int target_page_share(Target *target, uint64_t addr, PageShare *ret);

int target_reserve_samples(Target *target, size_t n);
