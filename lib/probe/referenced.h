/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `referenced`: works on nearly every kernel, sees whole mappings only. */
#pragma once

#include "base/file.h"
#include "kernel/smaps.h"
#include "monitor/ops.h"

/* roots are borrowed and must outlive the source. 0, or -errno with the reason. */
int referenced_source_new(const RootFds *roots, Source **ret, char **ret_error);

/* Gives verdicts to samples, in address order, from mappings, in address order. */
typedef struct ReferencedCursor {
        SourceCounters *counters;
        Sample *samples;
        size_t n;
        size_t next; /* first sample without verdict */
} ReferencedCursor;

/* Judges the samples up to the end of this mapping; a SmapsFn. */
int referenced_judge(const SmapsEntry *entry, void *cursor);

/* Judges those behind the last mapping. */
void referenced_finish(ReferencedCursor *cursor);
