/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a plan: that each is the right one, and what of it is still mapped as planned. */
#include <errno.h>

#include "action/internal.h"

/* A map older than this is read again: in between, the process may have mapped anew. */
#define MAP_AGE_MAX (50 * NSEC_PER_MSEC)
/* … or older than so many times what reading it took, where that is more. */
#define MAP_COST_SHARE 20

void target_fail(TargetRun *target, int r) {
        target->failed = true;
        switch (r) {
        case OPS_E_GONE:
                target->failure = OUTCOME_GONE;
                break;
        case OPS_E_REPLACED:
                target->failure = OUTCOME_REPLACED;
                break;
        case OPS_E_DENIED:
                target->failure = OUTCOME_DENIED;
                break;
        default:
                target->failure = OUTCOME_FAILED;
                target->error = -r;
        }
}

static bool target_open(Actor *actor, TargetRun *target) {
        const PlanTarget *plan = target->plan;
        int r;

        target->opened = true;
        r = process_open(&target->process, actor->roots, plan->pid);
        if (r != 0) {
                target_fail(target, r);
                /* A kernel thread. */
                if (r == -EINVAL)
                        target->failure = OUTCOME_PROTECTED;
                return false;
        }

        /* The pid was given to another process: the one that was meant has ended. */
        if (plan->start_time != 0 && target->process.ref.start_time != plan->start_time) {
                target_fail(target, OPS_E_GONE);
                return false;
        }
        return true;
}

/* These never move as long as an address space lives, and lie somewhere else in the next one, unless addresses are not
 * randomized. */
static bool is_fixed(const char *name) {
        return streq(name, "[stack]") || streq(name, "[vdso]");
}

/* Whether the map that was planned with is one of the address space that the target has now. Their ends are
 * compared, for a stack grows down. A program that was replaced before the target was opened here would go unnoticed
 * otherwise: its process is the same. */
static bool same_space(const AddressMap *planned, const AddressMap *fresh) {
        for (size_t i = 0; i < planned->n_mappings; i++) {
                const Mapping *p = &planned->mappings[i], *f;
                const char *name = planned->names + p->name;

                if (!is_fixed(name))
                        continue;
                f = address_map_find(fresh, p->end - 1);
                if (!f || f->end != p->end || !streq(fresh->names + f->name, name))
                        return false;
        }
        return true;
}

static bool map_is_fresh(const TargetRun *target, nsec_t now) {
        return target->map && !target->map_stale && now < target->map_time;
}

static bool refresh_map(Actor *actor, TargetRun *target) {
        nsec_t before = actor->act->now(), after;
        AddressMap *map = NULL;
        int r;

        if (map_is_fresh(target, before))
                return true;

        r = process_map(&target->process, &actor->io, &actor->hugetlb, &map);
        if (r != 0) {
                target_fail(target, r);
                if (r == -ENOMEM)
                        actor->run.result->error = r;
                return false;
        }

        if (!target->map && target->plan->map && !same_space(target->plan->map, map)) {
                address_map_unref(map);
                target_fail(target, OPS_E_REPLACED);
                return false;
        }

        after = actor->act->now();
        address_map_unref(target->map);
        target->map = map;
        target->map_stale = false;
        target->map_time = after + MAX(MAP_AGE_MAX, (after - before) * MAP_COST_SHARE);
        return true;
}

bool target_verify(Actor *actor, TargetRun *target) {
        int r;

        r = process_verify(&target->process, &actor->io);
        if (r != 0)
                target_fail(target, r);
        return r == 0;
}

bool target_ready(Actor *actor, TargetRun *target) {
        if (!target->opened && !target_open(actor, target))
                return false;
        if (target->failed)
                return false;
        return refresh_map(actor, target) && target_verify(actor, target);
}

void target_close(TargetRun *target) {
        if (target->opened)
                process_close(&target->process);
        target->map = address_map_unref(target->map);
}

/* The first mapping that ends above addr, or NULL. */
static const Mapping *first_above(const AddressMap *map, uint64_t addr) {
        size_t i = address_map_first_above(map, addr);

        return i < map->n_mappings ? &map->mappings[i] : NULL;
}

static bool starts_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Memory of tmpfs and the like. Other tmpfs mounts are not known by name: their pages count as a file's. */
static bool is_swap_backed(const char *name, uint32_t flags) {
        return (flags & MAPPING_ANON) || starts_with(name, "/memfd:") || starts_with(name, "/SYSV") ||
               starts_with(name, "/dev/shm/") || starts_with(name, "/dev/zero");
}

void piece_next(const AddressMap *planned, const AddressMap *fresh, uint64_t start, uint64_t end, Piece *ret) {
        const Mapping *f = first_above(fresh, start), *p = first_above(planned, start);
        uint64_t from = MAX(f ? f->start : end, p ? p->start : end), stop;
        const char *name;

        /* Up to where both begin, at least one of them has nothing. */
        if (from > start) {
                *ret = (Piece) { .start = start, .end = MIN(from, end) };
                return;
        }

        name = fresh->names + f->name;
        stop = MIN(end, MIN(f->end, p->end));
        *ret = (Piece) { .start = start, .end = stop };
        if (f->flags != p->flags || !streq(name, planned->names + p->name))
                return;

        /* What was several mappings then may be one now. */
        for (const Mapping *next = p + 1; next < planned->mappings + planned->n_mappings; next++) {
                if (next->start != stop || next->flags != f->flags || !streq(name, planned->names + next->name))
                        break;
                stop = MIN(MIN(end, f->end), next->end);
        }
        *ret = (Piece) {
                .start = start,
                .end = stop,
                .mapping = { f->start, f->end },
                .mapped = true,
                .anon = f->flags & MAPPING_ANON,
                .hugetlb = f->flags & MAPPING_HUGETLB,
                .swap_backed = is_swap_backed(name, f->flags),
        };
}
