/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address map of a target: its mapped areas, with names, as read at one moment. Immutable once
 * built and shared by reference, so that snapshots can name what a region belongs to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* Half-open [start, end), in bytes. */
typedef struct Range {
        uint64_t start;
        uint64_t end;
} Range;

typedef enum MappingFlags {
        MAPPING_ANON = 1 << 0,   /* no file behind it ([heap] and [stack] included) */
        MAPPING_SHARED = 1 << 1, /* MAP_SHARED */
        MAPPING_HUGETLB = 1 << 2,
} MappingFlags;

typedef struct Mapping {
        uint64_t start;
        uint64_t end;
        uint32_t name; /* offset into AddressMap.names; 0 is the empty name */
        uint32_t flags;
} Mapping;

typedef struct AddressMap {
        unsigned n_ref;
        Mapping *mappings; /* ascending, disjoint; inaccessible areas (PROT_NONE) are left out */
        size_t n_mappings;
        size_t allocated;
        char *names; /* NUL-separated; names[0] is NUL */
        size_t names_size;
        size_t names_allocated;
        uint64_t bytes; /* sum of all mappings */
} AddressMap;

/* A new, empty map, to be filled in address order before it is shared. */
AddressMap *address_map_new(void);
AddressMap *address_map_ref(AddressMap *map);
AddressMap *address_map_unref(AddressMap *map); /* returns NULL; accepts NULL */

/* Appends a mapping. start must not lie below the end of the last one (-EINVAL). name may be NULL.
 * Equal consecutive names are stored once. -ENOMEM. */
int address_map_add(AddressMap *map, uint64_t start, uint64_t end, const char *name, uint32_t flags);

/* The name of the mapping that covers most of [start, end), "" where there is none. */
const char *address_map_name(const AddressMap *map, uint64_t start, uint64_t end);

/* Index of the first mapping that ends above addr; n_mappings where there is none. O(log n). */
size_t address_map_first_above(const AddressMap *map, uint64_t addr);

/* The mapping that contains addr, or NULL. O(log n). */
const Mapping *address_map_find(const AddressMap *map, uint64_t addr);

/* Writes at most max ranges that cover every mapping. Mappings become one range where they touch, or
 * where the gap between them is at most `slack` bytes and less than what lies on either side of it (the
 * many small mappings of libraries are not worth ranges of their own). Where that leaves more than
 * max, the smallest gaps are bridged whatever they are. Returns 0 or -ENOMEM; *ret is owned by the
 * caller (free()). max >= 1. */
int address_map_ranges(const AddressMap *map, size_t max, uint64_t slack, Range **ret, size_t *ret_n);

static inline void address_map_unrefp(AddressMap **map) {
        *map = address_map_unref(*map);
}
