/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a peer may see of a monitor.
 *
 * Addresses and names of mappings of a process are for those who could read its /proc/PID/maps: they would help whoever
 * attacks it. So a peer of the level READ sees of processes of others sizes, rates and ages of regions, in order, but
 * from address 0 on and without a gap; one of the level OWN sees nothing of them. A process is the peer's own when the
 * kernel says so: as the owner of /proc/PID/maps, which is root for programs that changed their user. */
#pragma once

#include "access.h"
#include "engine.h"

/* Who looks. */
typedef struct View {
        AccessClass level;
        uid_t uid; /* 0 for ADMIN: they all see the same */
} View;

View view_of(const Access *access, const ControlPeer *peer);

static inline bool view_is_same(const View *a, const View *b) {
        return a->level == b->level && a->uid == b->uid;
}

typedef enum Sight {
        SIGHT_NONE,
        SIGHT_SIZES, /* all but addresses and names of mappings */
        SIGHT_ALL,
} Sight;

/* Asks the kernel who the owner is, unless the level decides. */
Sight sight_of_target(const View *view, const Engine *engine, uint64_t target, pid_t pid);

/* Whether the peer may know that there is such a monitor: OWN needs a target of its own. */
bool sight_of_monitor(const View *view, const Engine *engine);

/* Whether what is summed up over all targets is for the peer, too. */
bool sight_of_sums(const View *view, const Engine *engine);

/* The snapshot as the peer may see it: the same one (a reference) or a cut copy with a working set of its own. NULL
 * without memory. */
Snapshot *sight_of_snapshot(const View *view, const Engine *engine, Snapshot *snapshot);
