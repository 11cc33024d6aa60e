/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a workload: every region mapped on its own, with a hole on either side. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "config.h"

typedef struct Region {
        const RegionSpec *spec; /* borrowed */
        char *addr;
        uint64_t mapped; /* bytes, whole pages */
        bool created;    /* the backing file is ours to remove */
} Region;

typedef struct Regions {
        Region *items;
        size_t n;
} Regions;

/* What could not be done, for a message "FILE:LINE: field: what"; -errno is returned beside it. */
typedef struct RegionError {
        size_t index;
        const char *field;
        const char *what;
} RegionError;

#define REGIONS_NULL { NULL, 0 }

/*
 * Maps the regions, in order, at rising addresses. Nothing is touched yet, except regions that
 * are locked or have an initial content. Returns 0 or -errno with *ret_error set.
 */
int regions_map(const RegionSpec *specs, size_t n, Regions *ret, RegionError *ret_error);

/* Touches every page, without changing its content. */
void region_populate(const Region *region);

/* Unmaps, and removes the backing files that regions_map() created. */
void regions_deinit(Regions *regions);
