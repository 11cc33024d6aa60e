/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings: frames in an SQLite database, which any tool can query.
 *
 *   meta          key, value: monitor, source, granularity, reads_seen (0 or 1), writer (program
 * and version), created_ns; from `run` also command, exit_status and context (how the monitor was
 * set up, JSON as in the daemon's interface) target        id, pid, command: the processes that
 * were watched mapping       id, name: what regions belong to; '' is other anonymous memory
 *   snapshot      id (1, 2, 3 … in this file), sequence (the daemon's count: a gap is a snapshot
 * that was missed), time_ns (end of the window, CLOCK_REALTIME), window_ns, sample_ns,
 *                 aggregate_ns, ws_bytes, ws_error, ws_touched, ws_untrackable, total_bytes,
 *                 resident_bytes (NULL: not known), regions; of physical memory also what of
 *                 total_bytes is no memory of programs: free_bytes, kernel_bytes, hugetlb_bytes,
 *                 offline_bytes
 *   target_state  snapshot, target, state, address_space, resident_bytes
 *   region        snapshot, target, start_address, end_address, hits, samples, untrackable, rate,
 *                 age_ns, mapping, rate_samples (that rate rests on; NULL: not known), trackable
 *                 (the share of it that is memory of programs: 1 in address spaces; hits, samples
 *                 and rate are about that share alone)
 *
 * Each snapshot is one transaction in write-ahead mode: a writer that is killed loses nothing that
 * was committed; a power cut may cost the last snapshots, never the file. PRAGMA application_id
 * says that it is one of ours, PRAGMA user_version which schema: 3; older ones can be read: 1 had
 * no rate_samples, 2 nothing of physical memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define RECORDING_APPLICATION_ID 0x7564616d /* "udam" */
#define RECORDING_VERSION 3
#define RECORDING_VERSION_OLDEST 1

typedef struct Recording Recording;

/* Creates a recording. NULL as path: a private one that vanishes when it is closed. An existing
 * file is refused unless force. All functions return 0, an ExitStatus (told) or -ENOMEM. */
int recording_create(const char *path, bool force, Recording **ret);

/* Opens for reading only. */
int recording_open(const char *path, Recording **ret);

/* Closes; a recording that was written becomes a single plain file. Returns NULL. */
Recording *recording_close(Recording *recording);

static inline void recording_closep(Recording **recording) {
        *recording = recording_close(*recording);
}

/* Adds one frame. When that fails (a full disk), the recording stays as it is, and this and all
 * later calls return CTL_REFUSED; only the first tells why. */
int recording_append(Recording *recording, const Frame *frame);

/* Whether an append failed. */
bool recording_failed(const Recording *recording);

/* How many snapshots it holds. */
uint64_t recording_count(const Recording *recording);

/* How many the daemon made in the time that it covers, and that are not in it. */
uint64_t recording_missed(const Recording *recording);

/* What is said about the whole. recording_meta() gives NULL where nothing is; valid for the life of
 * the recording. */
int recording_set_meta(Recording *recording, const char *key, const char *value);
const char *recording_meta(const Recording *recording, const char *key);

/* The snapshot of this number; *ret is NULL beyond the last. */
int recording_read(Recording *recording, uint64_t number, Frame **ret);

/* All working sets in the order of time, allocated. */
int recording_points(Recording *recording, FramePoint **ret, size_t *ret_n);
