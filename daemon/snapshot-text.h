/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots as text, written once for all clients that see the same of them. */
#pragma once

#include "engine.h"
#include "sight.h"
#include "wire/frame.h"

#define SNAPSHOT_TEXTS_MAX 32
#define SNAPSHOT_TEXTS_BYTES ((size_t) 8 << 20)

typedef struct SnapshotText {
        const Engine *engine; /* NULL: unused */
        uint64_t sequence;
        size_t part;
        View view;
        uint64_t used;
        FrameShared *text;
} SnapshotText;

typedef struct SnapshotTexts {
        SnapshotText texts[SNAPSHOT_TEXTS_MAX];
        uint64_t uses;
} SnapshotTexts;

/* A reply with part `part` of a snapshot, which is as `view` may see it, for control_reply_shared(): a reference. 0 or
 * -ENOMEM. */
int snapshot_texts_get(SnapshotTexts *texts, Engine *engine, const Snapshot *snapshot, size_t part, const View *view,
                       FrameShared **ret);

/* Forgets those of one engine: it has a new snapshot, or goes. */
void snapshot_texts_forget(SnapshotTexts *texts, const Engine *engine);
