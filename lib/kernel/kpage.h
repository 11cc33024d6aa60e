/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/kpageflags: one 64-bit word of flags per page frame
 * (include/uapi/linux/kernel-page-flags.h; OFFLINE is newer than some installed headers, hence the
 * names of our own). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "kernel/io.h"
#include "monitor/ops.h"

#define KPAGE_UPTODATE (UINT64_C(1) << 3)
#define KPAGE_LRU (UINT64_C(1) << 5)
#define KPAGE_ACTIVE (UINT64_C(1) << 6)
#define KPAGE_SLAB (UINT64_C(1) << 7)
#define KPAGE_WRITEBACK (UINT64_C(1) << 8)
#define KPAGE_BUDDY (UINT64_C(1) << 10)
#define KPAGE_MMAP (UINT64_C(1) << 11)
#define KPAGE_ANON (UINT64_C(1) << 12)
#define KPAGE_SWAPCACHE (UINT64_C(1) << 13)
#define KPAGE_SWAPBACKED (UINT64_C(1) << 14)
#define KPAGE_COMPOUND_HEAD (UINT64_C(1) << 15)
#define KPAGE_COMPOUND_TAIL (UINT64_C(1) << 16)
#define KPAGE_HUGE (UINT64_C(1) << 17) /* hugetlb */
#define KPAGE_UNEVICTABLE (UINT64_C(1) << 18)
#define KPAGE_NOPAGE (UINT64_C(1) << 20)
#define KPAGE_KSM (UINT64_C(1) << 21)
#define KPAGE_THP (UINT64_C(1) << 22)
#define KPAGE_OFFLINE (UINT64_C(1) << 23)
#define KPAGE_ZERO_PAGE (UINT64_C(1) << 24)
/* The raw flag: set by a mark, not yet confirmed by the bits in the page tables. */
#define KPAGE_IDLE (UINT64_C(1) << 25)
#define KPAGE_PGTABLE (UINT64_C(1) << 26)
#define KPAGE_RESERVED (UINT64_C(1) << 32)

/* Opens /proc/kpageflags. A file descriptor or -errno. */
int kpage_open(const RootFds *roots);

/* The flags of n page frames from pfn on, in one system call. Frames beyond the end of the file get
 * KPAGE_NOPAGE. 0 or -errno. */
int kpage_read(Io *io, int fd, uint64_t pfn, uint64_t *flags, size_t n);

/* What a page is used for, by its flags and those of the head of its folio (which are the same for small pages). Free
 * pages that the kernel keeps at hand for a CPU have no flags at all and look like the kernel's. */
PageUse kpage_use(uint64_t head, uint64_t page);
