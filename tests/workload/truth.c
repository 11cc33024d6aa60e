/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writer of the truth log. */
#include "truth.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

typedef struct Line {
        char *text;
        size_t len;
        FILE *out;
} Line;

int truth_open(const char *path, Truth *ret)
{
        int fd;

        if (strcmp(path, "-") == 0)
                fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        else
                fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        ret->fd = fd;
        return 0;
}

void truth_close(Truth *truth)
{
        if (truth->fd >= 0)
                close(truth->fd);
        truth->fd = -1;
}

static void put_string(FILE *out, const char *s)
{
        fputc('"', out);
        for (; *s; s++)
                if (*s == '"' || *s == '\\')
                        fprintf(out, "\\%c", *s);
                else if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
                        fprintf(out, "\\u%04x", (unsigned char)*s);
                else
                        fputc(*s, out);
        fputc('"', out);
}

static int line_begin(Line *line, const char *event)
{
        line->out = open_memstream(&line->text, &line->len);
        if (!line->out)
                return -ENOMEM;
        fprintf(line->out,
                "{\"event\":\"%s\",\"t_mono_ns\":%" PRIu64 ",\"t_real_ns\":%" PRIu64 ",\"pid\":%d",
                event, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME), (int)getpid());
        return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, text, len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0) {
                        text += n;
                        len -= (size_t)n;
                }
        }
        return 0;
}

static int line_end(const Truth *truth, Line *line)
{
        int r;

        fputs("}\n", line->out);
        r = fclose(line->out) == 0 ? write_all(truth->fd, line->text, line->len) : -ENOMEM;
        free(line->text);
        return r;
}

int truth_region(const Truth *truth, const TruthRegion *region)
{
        Line line;
        int r;

        if (truth->fd < 0)
                return 0;
        r = line_begin(&line, "region");
        if (r < 0)
                return r;

        fputs(",\"name\":", line.out);
        put_string(line.out, region->name);
        fprintf(line.out, ",\"addr\":%" PRIu64 ",\"len\":%" PRIu64 ",\"mapped_len\":%" PRIu64,
                region->addr, region->len, region->mapped);
        fprintf(line.out, ",\"backing\":\"%s\",\"thp\":", backing_to_string(region->backing));
        if (region->thp == THP_UNSET)
                fputs("null", line.out);
        else
                put_string(line.out, thp_to_string(region->thp));
        if (region->node < 0)
                fputs(",\"node\":null", line.out);
        else
                fprintf(line.out, ",\"node\":%d", region->node);
        fprintf(line.out, ",\"lock\":%s", region->lock ? "true" : "false");
        return line_end(truth, &line);
}

static void put_phase(FILE *out, const TruthPhase *phase)
{
        fprintf(out, ",\"index\":%zu,\"repeat\":%u,\"name\":", phase->index, phase->repeat);
        put_string(out, phase->name);
}

static void put_access(FILE *out, const TruthPhase *phase, const TruthAccess *access)
{
        fputs("{\"name\":", out);
        put_string(out, access->name);
        fprintf(out, ",\"addr\":%" PRIu64 ",\"len\":%" PRIu64 ",\"mode\":\"%s\"", access->addr,
                access->len, access_mode_to_string(access->mode));
        if (access->rate_hz > 0)
                fprintf(out, ",\"rate_hz\":%.9g", access->rate_hz);
        else
                fputs(",\"rate_hz\":null", out);
        fprintf(out, ",\"random\":%s,\"stride\":%" PRIu64 ",\"probability\":%" PRIu64
                ",\"pages\":%" PRIu64, access->random ? "true" : "false", access->stride,
                access->probability, access->pages);
        if (access->zipf > 0)
                fprintf(out, ",\"zipf\":%.9g", access->zipf);
        if (access->window > 0)
                fprintf(out, ",\"window\":%" PRIu64 ",\"step\":%" PRIu64 ",\"step_ns\":%" PRIu64,
                        access->window, access->step, phase->step_ns);
        fputc('}', out);
}

int truth_phase(const Truth *truth, const TruthPhase *phase)
{
        Line line;
        int r;

        if (truth->fd < 0)
                return 0;
        r = line_begin(&line, "phase");
        if (r < 0)
                return r;

        put_phase(line.out, phase);
        if (phase->duration_ns > 0)
                fprintf(line.out, ",\"duration_ns\":%" PRIu64, phase->duration_ns);
        else
                fputs(",\"duration_ns\":null", line.out);
        fprintf(line.out, ",\"start_mono_ns\":%" PRIu64 ",\"regions\":[", phase->start_ns);
        for (size_t i = 0; i < phase->n_accesses; i++) {
                if (i > 0)
                        fputc(',', line.out);
                put_access(line.out, phase, &phase->accesses[i]);
        }
        fputc(']', line.out);
        return line_end(truth, &line);
}

static void put_result(FILE *out, const TruthAccess *access, double seconds)
{
        double visits = access->page_visits;

        fputs("{\"name\":", out);
        put_string(out, access->name);
        fprintf(out, ",\"accesses\":%" PRIu64 ",\"pages\":%" PRIu64, access->accesses,
                access->pages);
        fprintf(out, ",\"pages_per_sec\":%.3f,\"measured_hz\":%.9g}", visits / seconds,
                visits / seconds / (double)access->pages);
}

int truth_phase_end(const Truth *truth, const TruthPhase *phase)
{
        uint64_t elapsed_ns;
        Line line;
        int r;

        if (truth->fd < 0)
                return 0;
        r = line_begin(&line, "phase_end");
        if (r < 0)
                return r;

        elapsed_ns = clock_ns(CLOCK_MONOTONIC) - phase->start_ns;
        if (elapsed_ns == 0)
                elapsed_ns = 1;
        put_phase(line.out, phase);
        fprintf(line.out, ",\"elapsed_ns\":%" PRIu64 ",\"regions\":[", elapsed_ns);
        for (size_t i = 0; i < phase->n_accesses; i++) {
                if (i > 0)
                        fputc(',', line.out);
                put_result(line.out, &phase->accesses[i], (double)elapsed_ns / 1e9);
        }
        fputc(']', line.out);
        return line_end(truth, &line);
}

int truth_end(const Truth *truth, bool interrupted)
{
        Line line;
        int r;

        if (truth->fd < 0)
                return 0;
        r = line_begin(&line, "end");
        if (r < 0)
                return r;
        fprintf(line.out, ",\"interrupted\":%s", interrupted ? "true" : "false");
        return line_end(truth, &line);
}
