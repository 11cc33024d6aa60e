/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The schemes of a running monitor: when they decide, and how what they decide gets done. */
#pragma once

#include <systemd/sd-event.h>

#include "action/support.h"
#include "base/file.h"
#include "follow.h"
#include "monitor/snapshot.h"
#include "scheme/set.h"

typedef struct Acting Acting;

enum {
        ACTING_E_ACTION = 32, /* a scheme asks for what cannot be done here (the same as ENGINE_E_ACTION) */
};

/* All borrowed; must outlive it. */
typedef struct ActingHost {
        sd_event *event;
        const RootFds *roots;
        ActionSupport **support; /* probed when first needed; the owner frees it */
        const char *monitor; /* name, for the log */
        const SourceOps *source;
        bool physical; /* memory by its physical addresses */
        Follower *follower;
} ActingHost;

/* Checks that these schemes can do here what they say. 0, ACTING_E_ACTION with the reason and the index of the
 * scheme, or -errno. */
int acting_check(const ActingHost *host, const SchemeConfig *schemes, size_t n, size_t *ret_index, char **ret_error);

/* No scheme is in force yet. 0 or -errno. */
int acting_new(const ActingHost *host, Acting **ret);
Acting *acting_free(Acting *acting);

/* Puts schemes in force that acting_check() found good. 0 or -errno; on failure nothing has changed. */
int acting_configure(Acting *acting, const SchemeConfig *schemes, size_t n);

/* A new snapshot is there. 0 or -ENOMEM. */
int acting_decide(Acting *acting, Snapshot *snapshot);

/* Nothing is begun any more; what is under way ends with its batch. */
void acting_stop(Acting *acting);

SchemeSet *acting_set(Acting *acting);

/* CPU time of what was done so far. */
nsec_t acting_cpu(const Acting *acting);

/* Since when a plan has been under way, CLOCK_MONOTONIC; 0: none is. */
nsec_t acting_busy_since(const Acting *acting);
