/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Marks page frames idle and looks at the marks: what watching address spaces (idle.c) and watching physical memory
 * (paddr.c) have in common.
 *
 * A bit of the bitmap that reads 1 is certain: the page was trackable and nobody touched it. 0 means touched, or not
 * trackable at all: then the flags of the page tell. Only the head of a folio can be marked; where folios begin is
 * remembered (folio.h), and looked up before a page is marked only where huge pages were met lately. */
#pragma once

#include "base/file.h"
#include "kernel/io.h"
#include "monitor/ops.h"
#include "probe/folio.h"

typedef struct Marker {
        Io io;
        int bitmap;
        int kpageflags;
        uint64_t last_epoch;
        FolioCache folios;
        uint64_t flags[FOLIO_BLOCK_FRAMES]; /* scratch */
        uint64_t page_flags; /* KPAGE_… of the page that was looked at last */
        uint64_t head_flags; /* … and of the head of its folio */
} Marker;

/* What the samples of one space have learned about folios, and how long that is true. */
typedef struct FolioMemory {
        uint64_t epoch; /* what was learned in another epoch has expired */
        uint32_t lookup_credit;
} FolioMemory;

/* What prepare() notes for check() in Sample.state; Sample.token is the page's frame. */
typedef enum MarkKind {
        MARK_NONE, /* no verdict possible, for `reason` */
        MARK_ABSENT,
        MARK_SET,
        MARK_SAME, /* the page, or the folio, of the sample before */
} MarkKind;

typedef struct Mark {
        MarkKind kind;
        Untrackable reason;
        PageUse use;
        uint32_t offset;    /* of the page in its folio: the head is what was marked */
        uint32_t calls;     /* system calls spent by prepare() */
        bool flags_checked; /* prepare() has seen that the folio can be tracked */
        uint64_t pfn;
} Mark;

typedef enum VerdictKind {
        VERDICT_HOT,
        VERDICT_COLD,
        VERDICT_ABSENT,
        VERDICT_UNTRACKABLE,
} VerdictKind;

typedef struct Verdict {
        VerdictKind kind;
        Untrackable reason;
        PageUse use;
} Verdict;

/* Opens the bitmap and kpageflags. io is borrowed. 0, or -errno with the reason; closed then. */
int marker_open(Marker *marker, const RootFds *roots, const KernelIo *io, char **ret_error);
void marker_close(Marker *marker);

/* Begins a new epoch: what the samples of this space learned about folios is forgotten. */
void marker_expire(Marker *marker, FolioMemory *memory);

/* Marks the folio of mark->pfn idle and sets mark->kind: MARK_SET; MARK_SAME, where `before` has just marked the same;
 * or MARK_NONE. With mark->flags_checked it has looked at the page. 0 or -errno. */
int marker_set(Marker *marker, FolioMemory *memory, const Mark *before, Mark *mark);

/* Reads the bit of a frame: 1 (still idle), 0, or -ENXIO where the bitmap has none; -errno. */
int marker_read_bit(Marker *marker, uint64_t pfn);

/* Looks at the page pfn and at the head of its folio, which is as far from it as mark->offset says. Whether it can be
 * tracked, and if not, why. 0 or -errno. */
int marker_examine(Marker *marker, FolioMemory *memory, const Mark *mark, uint64_t pfn, bool *ret_trackable,
                   Untrackable *ret_reason);

/* What a source does with one sample. `before` is the last mark that is no MARK_SAME. 0, OPS_E_… or -errno. */
typedef int (*MarkPageFn)(Source *source, Space *space, uint64_t addr, const Mark *before, Mark *mark);
typedef int (*CheckPageFn)(Source *source, Space *space, uint64_t addr, const Mark *mark, Verdict *ret);

/* The loops of SourceOps.prepare() and check() over all samples; they count, too. */
int marker_prepare(Source *source, Space *space, const Io *io, MarkPageFn mark, Sample *samples, size_t n);
int marker_check(Source *source, Space *space, const Io *io, CheckPageFn check, Sample *samples, size_t n);

static inline Verdict verdict_untrackable(Untrackable reason) {
        return (Verdict) { .kind = VERDICT_UNTRACKABLE, .reason = reason };
}
