/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a peer may see. */
#include "sight.h"

View view_of(const Access *access, const ControlPeer *peer) {
        AccessClass level = access_level(access, peer);

        return (View) { level, level == ACCESS_ADMIN ? 0 : peer->uid };
}

Sight sight_of_target(const View *view, const Engine *engine, uint64_t target, pid_t pid) {
        if (view->level == ACCESS_ADMIN)
                return SIGHT_ALL;
        /* physical memory and simulations are nobody's */
        if (pid <= 0)
                return view->level == ACCESS_READ ? SIGHT_ALL : SIGHT_NONE;
        if (engine_owns_target(engine, target, view->uid))
                return SIGHT_ALL;
        return view->level == ACCESS_READ ? SIGHT_SIZES : SIGHT_NONE;
}

bool sight_of_monitor(const View *view, const Engine *engine) {
        const Monitor *monitor = engine_monitor(engine);

        if (view->level >= ACCESS_READ)
                return true;
        for (size_t i = 0; i < monitor_n_targets(monitor); i++) {
                const Target *t = monitor_target(monitor, i);

                if (sight_of_target(view, engine, t->id, t->pid) != SIGHT_NONE)
                        return true;
        }
        return false;
}

bool sight_of_sums(const View *view, const Engine *engine) {
        const Monitor *monitor = engine_monitor(engine);
        const Snapshot *snapshot = monitor_snapshot(monitor);

        if (view->level >= ACCESS_READ)
                return true;
        for (size_t i = 0; i < monitor_n_targets(monitor); i++) {
                const Target *t = monitor_target(monitor, i);

                if (sight_of_target(view, engine, t->id, t->pid) == SIGHT_NONE)
                        return false;
        }
        /* sums may still hold what has gone */
        for (size_t i = 0; snapshot && i < snapshot->n_targets; i++)
                if (sight_of_target(view, engine, snapshot->targets[i].id, snapshot->targets[i].pid) == SIGHT_NONE)
                        return false;
        return monitor_n_targets(monitor) > 0;
}

static void copy_regions(const Snapshot *from, const SnapshotTarget *target, bool hide, SnapshotRegion *to) {
        uint64_t address = 0;

        for (size_t i = 0; i < target->n_regions; i++) {
                to[i] = from->regions[target->first_region + i];
                if (hide) {
                        uint64_t size = to[i].end - to[i].start;

                        to[i].start = address;
                        to[i].end = address += size;
                }
        }
}

static Snapshot *cut(const Snapshot *snapshot, const Sight *sights, size_t n_targets, size_t n_regions) {
        Snapshot *copy = snapshot_new(n_targets, n_regions);
        size_t target = 0, region = 0;

        if (!copy)
                return NULL;
        copy->sequence = snapshot->sequence;
        copy->time = snapshot->time;
        copy->window = snapshot->window;
        copy->sample = snapshot->sample;
        copy->aggregate = snapshot->aggregate;
        copy->by_average = snapshot->by_average;
        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const SnapshotTarget *from = &snapshot->targets[i];
                SnapshotTarget *to = &copy->targets[target];

                if (sights[i] == SIGHT_NONE)
                        continue;
                *to = *from;
                to->hidden = sights[i] == SIGHT_SIZES;
                to->map = to->hidden ? NULL : address_map_ref(from->map);
                to->first_region = region;
                copy_regions(snapshot, from, to->hidden, &copy->regions[region]);
                region += from->n_regions;
                target++;
        }
        snapshot_estimate(copy);
        return copy;
}

Snapshot *sight_of_snapshot(const View *view, const Engine *engine, Snapshot *snapshot) {
        _cleanup_free_ Sight *sights = NULL;
        size_t n_targets = 0, n_regions = 0;
        bool all = true;

        if (view->level == ACCESS_ADMIN)
                return snapshot_ref(snapshot);
        sights = calloc(MAX(snapshot->n_targets, (size_t) 1), sizeof(*sights));
        if (!sights)
                return NULL;
        for (size_t i = 0; i < snapshot->n_targets; i++) {
                const SnapshotTarget *t = &snapshot->targets[i];

                sights[i] = sight_of_target(view, engine, t->id, t->pid);
                all = all && sights[i] == SIGHT_ALL;
                n_targets += sights[i] != SIGHT_NONE;
                n_regions += sights[i] != SIGHT_NONE ? t->n_regions : 0;
        }
        return all ? snapshot_ref(snapshot) : cut(snapshot, sights, n_targets, n_regions);
}
