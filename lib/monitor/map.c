/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address maps. */
#include "monitor/map.h"

#include <errno.h>

AddressMap *address_map_new(void) {
        AddressMap *map = calloc(1, sizeof(*map));

        if (map)
                map->n_ref = 1;
        return map;
}

AddressMap *address_map_ref(AddressMap *map) {
        if (map)
                map->n_ref++;
        return map;
}

AddressMap *address_map_unref(AddressMap *map) {
        if (!map || --map->n_ref > 0)
                return NULL;

        free(map->mappings);
        free(map->names);
        free(map);
        return NULL;
}

static int reserve_mapping(AddressMap *map) {
        Mapping *mappings;
        size_t n;

        if (map->n_mappings < map->allocated)
                return 0;

        n = MAX(map->allocated * 2, (size_t) 32);
        mappings = reallocarray(map->mappings, n, sizeof(*mappings));
        if (!mappings)
                return -ENOMEM;

        map->mappings = mappings;
        map->allocated = n;
        return 0;
}

static int append_name(AddressMap *map, const char *name, uint32_t *ret) {
        size_t size = strlen(name) + 1;

        if (map->names_size + size > UINT32_MAX)
                return -ENOMEM;
        if (map->names_size + size > map->names_allocated) {
                size_t n = MAX(map->names_allocated * 2, map->names_size + size + 256);
                char *names = realloc(map->names, n);

                if (!names)
                        return -ENOMEM;
                map->names = names;
                map->names_allocated = n;
        }

        memcpy(map->names + map->names_size, name, size);
        *ret = (uint32_t) map->names_size;
        map->names_size += size;
        return 0;
}

/* A library's segments follow each other, so looking at the last few names finds nearly all repeats. */
static bool find_recent_name(const AddressMap *map, const char *name, uint32_t *ret) {
        for (size_t i = map->n_mappings, tries = 0; i > 0 && tries < 8; i--, tries++)
                if (streq(map->names + map->mappings[i - 1].name, name)) {
                        *ret = map->mappings[i - 1].name;
                        return true;
                }
        return false;
}

static int intern_name(AddressMap *map, const char *name, uint32_t *ret) {
        uint32_t empty;
        int r;

        if (map->names_size == 0) {
                r = append_name(map, "", &empty);
                if (r < 0)
                        return r;
        }
        if (!name || !*name) {
                *ret = 0;
                return 0;
        }
        if (find_recent_name(map, name, ret))
                return 0;
        return append_name(map, name, ret);
}

int address_map_add(AddressMap *map, uint64_t start, uint64_t end, const char *name, uint32_t flags) {
        uint32_t offset;
        int r;

        if (end <= start || (map->n_mappings > 0 && start < map->mappings[map->n_mappings - 1].end))
                return -EINVAL;

        r = reserve_mapping(map);
        if (r < 0)
                return r;
        r = intern_name(map, name, &offset);
        if (r < 0)
                return r;

        map->mappings[map->n_mappings++] = (Mapping) {
                .start = start,
                .end = end,
                .name = offset,
                .flags = flags,
        };
        map->bytes += end - start;
        return 0;
}

size_t address_map_first_above(const AddressMap *map, uint64_t addr) {
        size_t low = 0, high = map->n_mappings;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (map->mappings[middle].end > addr)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

const Mapping *address_map_find(const AddressMap *map, uint64_t addr) {
        size_t i = address_map_first_above(map, addr);

        return i < map->n_mappings && map->mappings[i].start <= addr ? &map->mappings[i] : NULL;
}

const char *address_map_name(const AddressMap *map, uint64_t start, uint64_t end) {
        uint64_t best = 0;
        uint32_t name = 0;

        for (size_t i = address_map_first_above(map, start); i < map->n_mappings; i++) {
                const Mapping *m = &map->mappings[i];
                uint64_t overlap;

                if (m->start >= end)
                        break;
                overlap = MIN(m->end, end) - MAX(m->start, start);
                if (overlap > best) {
                        best = overlap;
                        name = m->name;
                }
        }
        return best > 0 ? map->names + name : "";
}

static int compare_u64(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

/* Joins neighbours whose gap is at most `bridge`, or at most `slack` and smaller than both of them.
 * Returns how many are left. */
static size_t join_ranges(Range *ranges, size_t n, uint64_t bridge, uint64_t slack) {
        size_t kept = 0;

        for (size_t i = 1; i < n; i++) {
                Range *last = &ranges[kept];
                uint64_t gap = ranges[i].start - last->end;
                uint64_t smaller = MIN(last->end - last->start, ranges[i].end - ranges[i].start);

                if (gap <= bridge || (gap <= slack && gap < smaller))
                        last->end = ranges[i].end;
                else
                        ranges[++kept] = ranges[i];
        }
        return n > 0 ? kept + 1 : 0;
}

/* The largest gap that must be bridged so that at most max ranges remain. */
static int gap_to_bridge(const Range *ranges, size_t n, size_t max, uint64_t *ret) {
        _cleanup_free_ uint64_t *gaps = NULL;

        gaps = malloc(n * sizeof(*gaps));
        if (!gaps)
                return -ENOMEM;

        for (size_t i = 1; i < n; i++)
                gaps[i - 1] = ranges[i].start - ranges[i - 1].end;
        qsort(gaps, n - 1, sizeof(*gaps), compare_u64);
        *ret = gaps[n - 1 - max];
        return 0;
}

int address_map_ranges(const AddressMap *map, size_t max, uint64_t slack, Range **ret, size_t *ret_n) {
        _cleanup_free_ Range *ranges = NULL;
        size_t n = map->n_mappings;
        uint64_t bridge;
        int r;

        assert(max >= 1);

        ranges = calloc(MAX(n, (size_t) 1), sizeof(*ranges));
        if (!ranges)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ranges[i] = (Range) { .start = map->mappings[i].start, .end = map->mappings[i].end };

        n = join_ranges(ranges, n, 0, slack);
        if (n > max) {
                r = gap_to_bridge(ranges, n, max, &bridge);
                if (r < 0)
                        return r;
                n = join_ranges(ranges, n, bridge, 0);
        }

        *ret = TAKE_PTR(ranges);
        *ret_n = n;
        return 0;
}
