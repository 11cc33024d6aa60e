/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What schemes did, as events. */
#include "act-tell.h"

#include <stdio.h>

#include "base/format.h"
#include "event.h"
#include "report-schemes.h"

/* A quota that moves less than this is no news. */
#define TUNED_LEAST 0.25

/* So many reasons are named. */
#define REASONS 3

void act_told_deinit(ActTold *told) {
        free(told->schemes);
        *told = (ActTold) {};
}

/* A scheme that is new here has been told nothing of; what a daemon before this one did is none of ours. */
static SchemeTold *find(ActTold *told, const SchemeView *view) {
        SchemeTold *schemes;

        for (size_t i = 0; i < told->n; i++)
                if (told->schemes[i].id == view->id)
                        return &told->schemes[i];

        schemes = reallocarray(told->schemes, told->n + 1, sizeof(*schemes));
        if (!schemes)
                return NULL;
        told->schemes = schemes;
        schemes[told->n] = (SchemeTold) {
                .id = view->id,
                .state = view->state,
                .stats = *view->stats,
                .refaulted = view->stats->refaulted,
                .backed_off = view->backed_off,
                .effective = view->quota->effective,
        };
        return &schemes[told->n++];
}

/* Schemes that are not there any more. */
static void drop(ActTold *told, const SchemeSet *set) {
        for (size_t i = told->n; i > 0; i--)
                if (scheme_set_find_id(set, told->schemes[i - 1].id) < 0)
                        told->schemes[i - 1] = told->schemes[--told->n];
}

/* ---- Watermarks ---- */

static void tell_state(SchemeTold *t, const char *monitor, const SchemeView *view) {
        const WatermarkConfig *marks = &view->config->watermarks;
        bool inactive = view->state == SCHEME_INACTIVE, was = t->state == SCHEME_INACTIVE;
        double last = view->watermark->last;
        Event event = {
                .kind = inactive ? EVENT_SCHEME_DEACTIVATED : EVENT_SCHEME_ACTIVATED,
                .monitor = monitor,
                .scheme = view->config->name,
                .numbers = { { "high", EVENT_SHARE, marks->high }, { "mid", EVENT_SHARE, marks->mid },
                             { "low", EVENT_SHARE, marks->low } },
        };
        char text[160], a[FORMAT_MAX], b[FORMAT_MAX];

        /* changed by somebody, whose call is told: not by watermarks, or not yet */
        if (view->state == SCHEME_DISABLED || marks->metric == WATERMARK_NONE)
                t->state = view->state;
        else if (!inactive && last < 0)
                return;
        if (inactive == was || t->state == view->state)
                return;

        t->state = view->state;
        if (last >= 0)
                event.numbers[3] = (EventNumber) { "free", EVENT_SHARE, last };
        if (inactive) {
                scheme_explain(view, text, sizeof(text));
                event_report(&event, "rests: %s", text);
        } else
                event_report(&event, "acts: %s of the memory is free, no more than %s", format_share(a, last),
                             format_share(b, marks->mid));
}

/* ---- Acting ---- */

static uint64_t grown(uint64_t now, uint64_t before) {
        /* counters begin anew where a scheme is changed */
        return now >= before ? now - before : now;
}

typedef struct Reason {
        Outcome outcome;
        uint64_t bytes;
} Reason;

/* The largest first. Returns the sum of all. */
static uint64_t held_back(const SchemeStats *now, const SchemeStats *before, Reason reasons[static REASONS]) {
        uint64_t sum = 0;

        for (Outcome i = 0; i < _OUTCOME_MAX; i++) {
                Reason reason = { i, grown(now->others[i], before->others[i]) };

                sum += reason.bytes;
                for (size_t k = 0; k < REASONS && reason.bytes > 0; k++)
                        if (reason.bytes > reasons[k].bytes) {
                                Reason smaller = reasons[k];

                                reasons[k] = reason;
                                reason = smaller;
                        }
        }
        return sum;
}

static void format_reasons(const Reason reasons[static REASONS], char *text, size_t size) {
        char bytes[FORMAT_MAX];
        int n = 0;

        *text = '\0';
        for (size_t k = 0; k < REASONS && reasons[k].bytes > 0 && (size_t) n < size; k++)
                n += snprintf(text + n, size - (size_t) n, "%s%s %s", k == 0 ? "; held back: " : ", ",
                              format_size(bytes, reasons[k].bytes), outcome_name(reasons[k].outcome));
}

static void tell_acted(SchemeTold *t, const char *monitor, const SchemeView *view, nsec_t now, bool all) {
        const SchemeStats *stats = view->stats;
        uint64_t tried = grown(stats->tried, t->stats.tried), applied = grown(stats->applied, t->stats.applied);
        uint64_t would = grown(stats->would, t->stats.would), regions, back;
        Reason reasons[REASONS] = {};
        char a[FORMAT_MAX], b[FORMAT_MAX], why[160];
        const char *action = action_name(view->config->action);
        Event event;

        if (tried + would == 0 || (!all && t->acted > 0 && now - t->acted < ACT_TELL_INTERVAL))
                return;

        back = held_back(stats, &t->stats, reasons);
        regions = grown(stats->tried_regions, t->stats.tried_regions) +
                  grown(stats->would_regions, t->stats.would_regions);
        event = (Event) {
                .kind = EVENT_SCHEME_ACTED,
                .monitor = monitor,
                .scheme = view->config->name,
                .numbers = {
                        { "tried", EVENT_BYTES, (double) tried },
                        { "applied", EVENT_BYTES, (double) applied },
                        { "would", EVENT_BYTES, (double) would },
                        { "held_back", EVENT_BYTES, (double) back },
                        { "regions", EVENT_COUNT, (double) regions },
                        { "passes", EVENT_COUNT, (double) grown(stats->passes, t->stats.passes) },
                        { "time", EVENT_NS, (double) grown(stats->time, t->stats.time) },
                },
        };
        format_reasons(reasons, why, sizeof(why));
        if (tried > 0)
                event_report(&event, "%s: %s of %s tried%s", action, format_size(a, applied), format_size(b, tried),
                             why);
        else
                event_report(&event, "%s: would have tried %s%s", action, format_size(a, would), why);
        t->stats = *stats;
        t->acted = now;
}

/* ---- What came back, and quotas ---- */

static void tell_backed_off(SchemeTold *t, const char *monitor, const SchemeView *view, nsec_t now, bool all) {
        uint64_t refaulted = grown(view->stats->refaulted, t->refaulted);
        char a[FORMAT_MAX], b[FORMAT_MAX];

        /* what ended its rest is no news */
        if (view->backed_off < t->backed_off)
                t->backed_off = view->backed_off;
        if (view->backed_off == t->backed_off || (!all && t->backing > 0 && now - t->backing < ACT_TELL_INTERVAL))
                return;
        event_report(&(Event) { .kind = EVENT_SCHEME_BACKED_OFF, .monitor = monitor, .scheme = view->config->name,
                                .numbers = { { "refaulted", EVENT_BYTES, (double) refaulted },
                                             { "backed_off", EVENT_BYTES, (double) view->backed_off } } },
                     "memory came back (%s as refaults): %s are left alone for longer", format_size(a, refaulted),
                     format_size(b, view->backed_off));
        t->refaulted = view->stats->refaulted;
        t->backed_off = view->backed_off;
        t->backing = now;
}

static void tell_tuned(SchemeTold *t, const char *monitor, const SchemeView *view, nsec_t now) {
        const QuotaState *quota = view->quota;
        double before = (double) t->effective, moved = (double) quota->effective - before;
        char a[FORMAT_MAX], b[FORMAT_MAX];
        Event event = {
                .kind = EVENT_SCHEME_TUNED, .monitor = monitor, .scheme = view->config->name,
                .numbers = { { "effective", EVENT_BYTES, (double) quota->effective },
                             { "before", EVENT_BYTES, before } },
        };

        if (quota->effective == UINT64_MAX || t->effective == UINT64_MAX || !quota->started) {
                t->effective = quota->effective;
                return;
        }
        if ((moved < 0 ? -moved : moved) < TUNED_LEAST * before + 1 ||
            (t->tuned > 0 && now - t->tuned < ACT_TELL_INTERVAL))
                return;
        if (view->config->quota.n_goals > 0 && quota->score >= 0)
                event.numbers[2] = (EventNumber) { "score", EVENT_SHARE, quota->score };
        event_report(&event, "its quota allows %s per window now, before %s%s", format_size(a, quota->effective),
                     format_size(b, t->effective), event.numbers[2].name ? ", as its goals ask" : "");
        t->effective = quota->effective;
        t->tuned = now;
}

void act_tell(ActTold *told, const char *monitor, const SchemeSet *set, nsec_t now, bool all) {
        for (size_t i = 0; i < scheme_set_count(set); i++) {
                SchemeView view = scheme_set_view(set, i, now);
                SchemeTold *t = find(told, &view);

                if (!t)
                        continue;
                tell_state(t, monitor, &view);
                tell_acted(t, monitor, &view, now, all);
                tell_backed_off(t, monitor, &view, now, all);
                tell_tuned(t, monitor, &view, now);
        }
        drop(told, set);
}
