/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel and these privileges allow, each with its reason and its cost. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "monitor/ops.h"

typedef enum CapabilityState {
        CAPABILITY_OK,
        CAPABILITY_LIMITED,
        CAPABILITY_MISSING,
} CapabilityState;

/* "ok", "limited", "missing". */
const char *capability_state_name(CapabilityState state);

typedef struct Capability {
        const char *name; /* static: "page_idle", "mglru" … */
        CapabilityState state;
        char *detail; /* what was found */
        char *cost;   /* what it costs; "" for nothing */
} Capability;

typedef enum SourceKind {
        SOURCE_IDLE,
        SOURCE_SOFTDIRTY,
        SOURCE_REFERENCED,
        SOURCE_SIM,
        _SOURCE_KIND_MAX,
} SourceKind;

const char *source_kind_name(SourceKind kind);
/* SourceKind, or -EINVAL. */
int source_kind_from_name(const char *name);

typedef struct SourceFinding {
        bool usable;
        char *reason; /* why or why not, and what its numbers mean */
} SourceFinding;

typedef struct Capabilities {
        char *kernel; /* release */
        Capability *items;
        size_t n_items;
        SourceFinding sources[_SOURCE_KIND_MAX];
        SourceKind best; /* what `auto` chooses */
} Capabilities;

/* Probes by doing (opens the bitmap, reads own page frame numbers, sees whether a cleared soft-dirty
 * bit comes back …), never by version number, and only on the calling process's own memory. */
int capabilities_probe(const RootFds *roots, Capabilities **ret);
Capabilities *capabilities_free(Capabilities *caps);

/* The warnings that go with numbers from this source on this machine (MGLRU, NUMA balancing, coarse
 * granularity, writes only …): a NULL-terminated array of allocated texts. */
int capabilities_warnings(const Capabilities *caps, SourceKind kind, char ***ret);

/* Creates a source. roots are borrowed and must outlive it. `pattern` is for sim: the text of a
 * pattern, or NULL for the built-in one. 0, or -errno with the reason. */
int source_new(SourceKind kind, const RootFds *roots, const char *pattern, Source **ret, char **ret_error);
