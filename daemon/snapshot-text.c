/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots as text. */
#include "snapshot-text.h"

#include <errno.h>

#include "report.h"

static void drop(SnapshotText *text) {
        frame_shared_unref(text->text);
        *text = (SnapshotText) {};
}

void snapshot_texts_forget(SnapshotTexts *texts, const Engine *engine) {
        for (size_t i = 0; i < SNAPSHOT_TEXTS_MAX; i++)
                if (texts->texts[i].engine == engine)
                        drop(&texts->texts[i]);
}

static SnapshotText *find(SnapshotTexts *texts, const Engine *engine, const Snapshot *snapshot, size_t part,
                          const View *view) {
        for (size_t i = 0; i < SNAPSHOT_TEXTS_MAX; i++) {
                SnapshotText *t = &texts->texts[i];

                if (t->engine == engine && t->sequence == snapshot->sequence && t->part == part &&
                    view_is_same(&t->view, view))
                        return t;
        }
        return NULL;
}

/* A free place; what was not used for longest makes room. */
static SnapshotText *make_room(SnapshotTexts *texts, size_t size) {
        for (;;) {
                SnapshotText *unused = NULL, *oldest = NULL;
                size_t bytes = 0;

                for (size_t i = 0; i < SNAPSHOT_TEXTS_MAX; i++) {
                        SnapshotText *t = &texts->texts[i];

                        if (!t->engine) {
                                unused = t;
                                continue;
                        }
                        bytes += t->text->size;
                        if (!oldest || t->used < oldest->used)
                                oldest = t;
                }
                if (unused && (bytes + size <= SNAPSHOT_TEXTS_BYTES || !oldest))
                        return unused;
                drop(oldest);
        }
}

static int write_text(const Engine *engine, const Snapshot *snapshot, size_t part, FrameShared **ret) {
        _cleanup_(frame_output_deinit) FrameOutput output = FRAME_OUTPUT_INIT(SIZE_MAX);
        Writer writer;

        writer_begin(&writer, &output, SIZE_MAX);
        report_snapshot(&writer, engine, snapshot, part);
        return writer_end_shared(&writer, ret);
}

int snapshot_texts_get(SnapshotTexts *texts, Engine *engine, const Snapshot *snapshot, size_t part, const View *view,
                       FrameShared **ret) {
        SnapshotText *place = find(texts, engine, snapshot, part, view);
        FrameShared *text;
        int r;

        if (!place) {
                r = write_text(engine, snapshot, part, &text);
                if (r < 0)
                        return r;
                place = make_room(texts, text->size);
                *place = (SnapshotText) { engine, snapshot->sequence, part, *view, 0, text };
        }
        place->used = ++texts->uses;
        *ret = frame_shared_ref(place->text);
        return 0;
}
