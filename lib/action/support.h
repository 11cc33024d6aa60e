/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this kernel and these privileges can do for another process, each with its reason. */
#pragma once

#include "action/actor.h"
#include "base/file.h"
#include "scheme/scheme.h"

typedef struct ActionFinding {
        bool usable;
        char *reason; /* why not; or what it is done by (a substitute), what it costs; "" for nothing to say */
} ActionFinding;

typedef struct ActionSupport {
        ActionFinding actions[_ACTION_MAX];
} ActionSupport;

/* Probes by doing, on a short-lived child process that is made for it. 0 or -errno. */
int action_support_probe(const RootFds *roots, ActionSupport **ret);
/* The same with other system calls. */
int action_support_probe_with(const RootFds *roots, const ActionIo *io, ActionSupport **ret);
/* Nothing but stat, for this reason. 0 or -ENOMEM. */
int action_support_none(const char *reason, ActionSupport **ret);

ActionSupport *action_support_free(ActionSupport *support);

static inline void action_support_freep(ActionSupport **support) {
        *support = action_support_free(*support);
}
