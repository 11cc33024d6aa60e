/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room in swap: what the machine has, over all schemes of a plan, and what the cgroups of a target let it have. Looked
 * at again while a plan runs, for others take room, too. */
#include <errno.h>

#include "action/internal.h"
#include "kernel/swap.h"
#include "kernel/system.h"

#define ROOM_AGE_MAX (50 * NSEC_PER_MSEC)

void room_look(Actor *actor, TargetRun *target) {
        Run *run = &actor->run;
        nsec_t now = actor->act->now();
        MemInfo info;

        if (run->swap_room != UINT64_MAX && now >= run->room_until) {
                run->room_until = now + ROOM_AGE_MAX;
                if (meminfo_read(actor->roots, &info) < 0)
                        info.swap_free = 0;
                run->swap_room = info.swap_free - MIN(info.swap_free, run->plan->swap_reserve);
        }
        if (now >= target->room_until) {
                target->room_until = now + ROOM_AGE_MAX;
                target->swap_room = swap_room_of_cgroups(actor->roots, target->plan->pid);
        }
}

uint64_t room_left(const Actor *actor, const TargetRun *target) {
        return MIN(actor->run.swap_room, target->swap_room);
}

static void take(uint64_t *room, uint64_t bytes) {
        if (*room != UINT64_MAX)
                *room -= MIN(bytes, *room);
}

void room_take(Actor *actor, TargetRun *target, uint64_t bytes) {
        take(&actor->run.swap_room, bytes);
        take(&target->swap_room, bytes);
}
