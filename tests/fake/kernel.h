/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fake kernel for the source `idle`: page frames, folios, one process, the idle bitmap.
 *
 * The files exist in a scratch directory, so that they are opened as usual; their content comes
 * from here, through FAKE_IO. What Linux 6.12 does is reproduced: only heads of folios on an LRU
 * list can be marked, bits are OR-ed, a read confirms a mark by the accessed bit, the last partial
 * word neither reads nor writes. One fake kernel at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"
#include "kernel/io.h"

#define FAKE_PID 4321
#define FAKE_FRAMES 8192u
#define FAKE_PAGES 4096u
#define FAKE_BASE UINT64_C(0x7f0000000000) /* address of the first page that can be mapped */
#define FAKE_END UINT64_C(0x7ffffffff000)  /* end of the address space */

typedef struct FakeFrame {
        uint64_t extra;  /* more flags for kpageflags */
        uint64_t memcg;  /* inode of its cgroup, kept on the head */
        uint32_t tail;   /* distance from the head of its folio; 0: a head or a small page */
        bool large;      /* part of a folio of several frames */
        bool lru;
        bool idle;       /* the raw flag, on heads */
        bool accessed;   /* some page table's accessed bit, kept on the head */
        bool locked;     /* a mark cannot clear the accessed bit */
        unsigned writes; /* times that it was marked through the bitmap */
        unsigned walks;  /* times that a read had to look at its page tables */
} FakeFrame;

typedef struct FakeKernel {
        RootFds roots;
        uint32_t n_frames; /* the bitmap ends here */
        FakeFrame frames[FAKE_FRAMES];
        uint64_t pages[FAKE_PAGES]; /* pagemap entries, with frame numbers */
        bool hide_frames;           /* no CAP_SYS_ADMIN */
        bool gone;                  /* the address space was torn down */
        unsigned max_bits;          /* the most bits in one word written */
        unsigned long n_pread;
        unsigned long n_pwrite;
        char path[64];
} FakeKernel;

extern FakeKernel fake;
extern const KernelIo FAKE_IO;

/* Aborts on any failure: it is part of the test. All frames are free, no page is mapped. */
void fake_kernel_init(void);
void fake_kernel_deinit(void);

/* The address of page i. */
uint64_t fake_addr(unsigned page);

/* Puts a frame (on the LRU) behind a page, or takes it away. */
void fake_map(unsigned page, uint32_t pfn);
void fake_unmap(unsigned page);
/* Swaps out: the entry has bits that look like a frame number. */
void fake_swap_out(unsigned page, uint64_t swap_offset);

/* Makes one folio of 2^order frames, on the LRU; splits it again, idle flag and accessed bit
 * copied. */
void fake_folio(uint32_t pfn, unsigned order);
void fake_split(uint32_t pfn, unsigned order);

/* The process touches a page. */
void fake_touch(unsigned page);

/* Moves a page to a new frame with its idle flag and accessed bit, as migration does. */
void fake_migrate(unsigned page, uint32_t pfn);

/* Another program, in a new and empty address space. */
void fake_exec(void);
/* The process ends and is reaped. */
void fake_exit(void);
