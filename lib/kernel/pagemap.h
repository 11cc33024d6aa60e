/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/pagemap: one 64-bit entry per page of an address space
 * (Documentation/admin-guide/mm/pagemap.rst). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/io.h"

#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)
#define PAGEMAP_FILE (UINT64_C(1) << 61) /* file or shared anonymous memory */
#define PAGEMAP_EXCLUSIVE (UINT64_C(1) << 56)
#define PAGEMAP_SOFT_DIRTY (UINT64_C(1) << 55)
#define PAGEMAP_PFN_MASK ((UINT64_C(1) << 55) - 1)

enum {
        /* Nothing to read: the address space has gone, or ends before addr. */
        PAGEMAP_E_NOTHING = 1,
};

static inline bool pagemap_present(uint64_t entry) {
        return entry & PAGEMAP_PRESENT;
}

static inline bool pagemap_swapped(uint64_t entry) {
        return (entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) == PAGEMAP_SWAPPED;
}

/* Page frame number; 0 where there is none or it is hidden (no CAP_SYS_ADMIN in the initial user
 * namespace). The same bits of a swapped entry are a swap offset, never a page frame. */
static inline uint64_t pagemap_pfn(uint64_t entry) {
        return pagemap_present(entry) ? entry & PAGEMAP_PFN_MASK : 0;
}

/* log2 of the page size. */
unsigned page_shift(void);

/* The entry of the page that contains addr. Returns 0, PAGEMAP_E_NOTHING or -errno. */
int pagemap_read(Io *io, int fd, uint64_t addr, uint64_t *ret);

/* The entries of n pages from addr on, in one system call. *ret_n may be less than n: the address
 * space ends, or the call was cut short. Returns like pagemap_read(). */
int pagemap_read_range(Io *io, int fd, uint64_t addr, uint64_t *entries, size_t n, size_t *ret_n);
