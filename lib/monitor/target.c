/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets: address map, regions and open samples of one process. */
#include "monitor/target.h"

#include <errno.h>
#include <stdio.h>

int target_new(uint64_t id, pid_t pid, const char *command, Source *source, Space *space, Target **ret) {
        Target *target = calloc(1, sizeof(*target));

        if (!target) {
                source->ops->detach(source, space);
                return -ENOMEM;
        }

        target->id = id;
        target->pid = pid;
        target->state = TARGET_RUNNING;
        target->address_space = 1;
        target->source = source;
        target->space = space;
        (void) snprintf(target->command, sizeof(target->command), "%s", command);

        *ret = target;
        return 0;
}

static void let_go(Target *target) {
        if (target->space)
                target->source->ops->detach(target->source, target->space);
        target->space = NULL;
}

void target_end(Target *target, TargetState state) {
        target->state = state;
        target->n_samples = 0;
        let_go(target);
}

bool target_has_samples(const Target *target) {
        for (size_t i = 0; i < target->list.n; i++)
                if (target->list.regions[i].samples > 0)
                        return true;
        return false;
}

Target *target_free(Target *target) {
        if (!target)
                return NULL;

        let_go(target);
        address_map_unref(target->map);
        region_list_deinit(&target->list);
        free(target->samples);
        free(target);
        return NULL;
}

/* Takes note of an outcome, so that only errors are left to the caller's caller. */
static int note_outcome(Target *target, int outcome) {
        target->n_samples = target->n_checked = 0;

        switch (outcome) {
        case OPS_E_GONE:
                target->state = TARGET_ENDED;
                break;
        case OPS_E_DENIED:
                target->state = TARGET_DENIED;
                break;
        case OPS_E_REPLACED:
                target->address_space++;
                target->map = address_map_unref(target->map);
                target->list.n = 0;
                target->size = (SpaceSize) {};
                target->next_look = target->look_interval = 0;
                break;
        }
        return outcome;
}

/* A gap of so small a part of a region costs less in samples that find nothing than a region more, and is
 * lost in the size of idle memory, as which it counts. */
#define GAP_PARTS 1024

/* A source that sees whole mappings gets each of them as a range of its own while there is room. */
static int make_ranges(const Target *target, const AddressMap *map, size_t max, uint32_t min_regions, Range **ret,
                       size_t *ret_n) {
        Range *ranges;

        if (target->source->ops->granularity != GRANULARITY_MAPPING || map->n_mappings > max)
                return address_map_ranges(map, max, map->bytes / min_regions / GAP_PARTS, ret, ret_n);

        ranges = calloc(MAX(map->n_mappings, (size_t) 1), sizeof(*ranges));
        if (!ranges)
                return -ENOMEM;
        for (size_t i = 0; i < map->n_mappings; i++)
                ranges[i] = (Range) { map->mappings[i].start, map->mappings[i].end };

        *ret = ranges;
        *ret_n = map->n_mappings;
        return 0;
}

int target_fit(Target *target, const AddressMap *map, size_t max_ranges, uint32_t min_regions, nsec_t now) {
        _cleanup_free_ Range *ranges = NULL;
        size_t n_ranges;
        int r;

        assert(target->n_samples == 0);

        r = make_ranges(target, map, max_ranges, min_regions, &ranges, &n_ranges);
        return r < 0 ? r : region_list_fit(&target->list, ranges, n_ranges, now);
}

int target_update(Target *target, size_t max_ranges, uint32_t min_regions, nsec_t now) {
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        int r;

        assert(target->n_samples == 0);

        r = target->source->ops->map(target->source, target->space, &map);
        if (r == OPS_E_REPLACED) {
                (void) note_outcome(target, r);
                r = target->source->ops->map(target->source, target->space, &map);
        }
        if (r != 0)
                return r < 0 ? r : note_outcome(target, r);

        r = target_fit(target, map, max_ranges, min_regions, now);
        if (r < 0)
                return r;

        address_map_unref(target->map);
        target->map = TAKE_PTR(map);
        return 0;
}

bool target_look(Target *target, nsec_t now, nsec_t shortest, nsec_t longest) {
        SpaceSize size;

        if (now < target->next_look)
                return false;

        size = target->source->ops->size(target->source, target->space);
        target->look_interval = CLAMP(target->look_interval * 2, shortest, longest);
        target->next_look = now + target->look_interval;
        target->size.resident = size.resident;
        if (size.mapped == target->size.mapped)
                return false;
        target->size.mapped = size.mapped;
        return true;
}

int target_prepare(Target *target) {
        int r;

        r = target->source->ops->prepare(target->source, target->space, target->samples, target->n_samples);
        return r > 0 ? note_outcome(target, r) : r;
}

static void credit(Target *target) {
        for (size_t i = 0; i < target->n_samples; i++) {
                const Sample *sample = &target->samples[i];
                Region *region = &target->list.regions[sample->region];

                assert(sample->hits <= sample->trials);

                region->samples += sample->trials;
                region->hits += sample->hits;
                region->clear = sample->hits > 0 ? 0 : region->clear + (double) sample->trials;
                if (sample->use != USE_PROGRAM)
                        region->apart[sample->use]++;
                else
                        region->untrackable += sample->trials == 0;
        }
        target->n_checked = target->n_samples;
        target->n_samples = 0;
}

int target_check(Target *target) {
        int r;

        r = target->source->ops->check(target->source, target->space, target->samples, target->n_samples);
        if (r != 0)
                return r > 0 ? note_outcome(target, r) : r;

        credit(target);
        return 0;
}

int target_page_share(Target *target, uint64_t addr, PageShare *ret) {
        int r = target->source->ops->share(target->source, target->space, addr, ret);

        return r > 0 ? note_outcome(target, r) : r;
}

int target_reserve_samples(Target *target, size_t n) {
        Sample *samples;
        size_t allocated;

        if (n <= target->samples_allocated)
                return 0;

        allocated = n + n / 2 + 16;
        samples = reallocarray(target->samples, allocated, sizeof(*samples));
        if (!samples)
                return -ENOMEM;

        target->samples = samples;
        target->samples_allocated = allocated;
        return 0;
}
