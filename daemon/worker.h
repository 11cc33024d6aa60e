/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The thread that acts: a process_madvise() that waits for a slow swap device must stop neither sampling nor the
 * socket. It gets an immutable plan and gives back its result; nothing else is shared. */
#pragma once

#include <systemd/sd-event.h>

#include "base/file.h"
#include "scheme/plan.h"

typedef struct Worker Worker;

/* A plan has been carried out, in the event loop's thread. Takes over both. */
typedef void (*worker_done_t)(void *userdata, Plan *plan, PlanResult *result);

/* Starts the thread. roots are borrowed and must outlive the worker. 0 or -errno. */
int worker_new(sd_event *event, const RootFds *roots, worker_done_t done, void *userdata, Worker **ret);

/* Stops acting at once (the batch under way is the last) and ends the thread. What a plan under way did before
 * that is not reported any more. Returns NULL; accepts NULL. */
Worker *worker_free(Worker *worker);

/* Lets the plan under way end with its batch, without waiting for that. */
void worker_stop(Worker *worker);

bool worker_is_busy(const Worker *worker);

/* Since when it has been at its plan, CLOCK_MONOTONIC; 0: it is not busy. */
nsec_t worker_busy_since(const Worker *worker);

/* Hands over a plan; the worker must not be busy. 0, or -ENOMEM (the plan stays the caller's). */
int worker_submit(Worker *worker, Plan *plan);

/* CPU time of the thread so far; 0 where that cannot be known. */
nsec_t worker_cpu(const Worker *worker);
