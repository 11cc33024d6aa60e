/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of /proc/PID/smaps. */
#include "kernel/smaps.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/lines.h"
#include "kernel/maps.h"
#include "kernel/scan.h"

typedef struct SmapsParser {
        SmapsFn fn;
        void *userdata;
        SmapsEntry entry;
        bool open; /* entry is being filled */
} SmapsParser;

static int flush(SmapsParser *parser) {
        if (!parser->open)
                return 0;

        parser->open = false;
        return parser->fn(&parser->entry, parser->userdata);
}

static int begin(SmapsParser *parser, const char *line) {
        MapsEntry header;
        int r;

        r = maps_entry_parse(line, &header);
        if (r < 0)
                return r;
        r = flush(parser);
        if (r < 0)
                return r;

        parser->entry = (SmapsEntry) {
                .start = header.start,
                .end = header.end,
                .accessible = header.accessible,
        };
        parser->open = true;
        return 0;
}

/* "Referenced:          8 kB" */
static int parse_kilobytes(const char *p, uint64_t *ret) {
        uint64_t value;

        scan_blanks(&p);
        if (!scan_decimal(&p, &value) || !streq(p, " kB") || value > UINT64_MAX / 1024)
                return -EBADMSG;

        *ret = value * 1024;
        return 0;
}

static bool has_flag(const char *flags, const char *flag) {
        const char *p = flags;

        while ((p = strstr(p, flag))) {
                if (p > flags && p[-1] == ' ' && (p[2] == ' ' || p[2] == '\0'))
                        return true;
                p += 2;
        }
        return false;
}

static int on_field(SmapsEntry *entry, const char *line) {
        static const char rss[] = "Rss:", referenced[] = "Referenced:", flags[] = "VmFlags:";

        if (strncmp(line, rss, sizeof(rss) - 1) == 0)
                return parse_kilobytes(line + sizeof(rss) - 1, &entry->rss);
        if (strncmp(line, referenced, sizeof(referenced) - 1) == 0)
                return parse_kilobytes(line + sizeof(referenced) - 1, &entry->referenced);
        if (strncmp(line, flags, sizeof(flags) - 1) == 0) {
                line += sizeof(flags) - 1;
                entry->hugetlb = has_flag(line, "ht");
                entry->io = has_flag(line, "io") || has_flag(line, "pf");
        }
        return 0;
}

static int on_smaps_line(char *line, size_t size, void *userdata) {
        SmapsParser *parser = userdata;

        /* Addresses are lower-case hexadecimal, fields begin with a capital letter. */
        if (scan_hex_digit(*line) >= 0)
                return begin(parser, line);
        if (!parser->open)
                return -EBADMSG;
        return on_field(&parser->entry, line);
}

int smaps_parse(const char *text, size_t size, SmapsFn fn, void *userdata) {
        SmapsParser parser = { .fn = fn, .userdata = userdata };
        int r;

        r = lines_text(text, size, on_smaps_line, &parser);
        return r < 0 ? r : flush(&parser);
}

int smaps_read(int fd, SmapsFn fn, void *userdata, uint64_t *calls) {
        SmapsParser parser = { .fn = fn, .userdata = userdata };
        int r;

        r = lines_read(fd, on_smaps_line, &parser, calls);
        return r < 0 ? r : flush(&parser);
}
