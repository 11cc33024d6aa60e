/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comma-separated fields of one line: splitting, checked values, key=value tables, complaints. */
#include "config-field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

#define NAME_MAX_LEN 128

void complain(Parser *p, const char *field, const char *format, ...)
{
        va_list args;

        fprintf(p->errors, "%s:%u: %s: ", p->file, p->line, field);
        va_start(args, format);
        vfprintf(p->errors, format, args);
        va_end(args);
        fputc('\n', p->errors);
        p->n_errors++;
}

const char *shown(const char *value, char buf[static 48])
{
        size_t n = 0;

        for (; value[n] != '\0' && n < 44; n++)
                buf[n] = value[n] < ' ' || value[n] > '~' ? '?' : value[n];
        strcpy(buf + n, value[n] != '\0' ? "..." : "");
        return buf;
}

char *trim(char *s)
{
        size_t n;

        s += strspn(s, " \t\r");
        n = strlen(s);
        while (n > 0 && strchr(" \t\r", s[n - 1]))
                n--;
        s[n] = '\0';
        return s;
}

bool split(Parser *p, char *line, Fields *ret)
{
        Fields fields = { .n = 0 };

        for (char *rest = line, *item; (item = strsep(&rest, ","));) {
                if (fields.n == FIELDS_MAX) {
                        complain(p, "line", "more than %d fields", FIELDS_MAX);
                        return false;
                }
                fields.items[fields.n++] = trim(item);
        }
        *ret = fields;
        return true;
}

char *copy(Parser *p, const char *s)
{
        char *c = strdup(s);

        if (!c)
                p->out_of_memory = true;
        return c;
}

void take_count(Parser *p, const char *field, const char *s, uint64_t min, uint64_t max,
                uint64_t *ret)
{
        char buf[48];
        uint64_t value = 0;
        int r;

        r = number_parse_count(s, &value);
        if (r == -EINVAL)
                complain(p, field, "'%s' is not a whole number", shown(s, buf));
        else if (r < 0 || value < min || value > max)
                complain(p, field, "'%s' is not in %llu..%llu", shown(s, buf),
                         (unsigned long long)min, (unsigned long long)max);
        else
                *ret = value;
}

void take_size(Parser *p, const char *field, const char *s, uint64_t max, uint64_t *ret)
{
        char buf[48];
        uint64_t value = 0;
        int r;

        r = number_parse_size(s, &value);
        if (r == -EINVAL)
                complain(p, field, "'%s' is not a size (bytes, or such as 100MiB)", shown(s, buf));
        else if (r < 0 || value > max)
                complain(p, field, "'%s' is too large (at most %llu bytes)", shown(s, buf),
                         (unsigned long long)max);
        else if (value == 0)
                complain(p, field, "must not be 0");
        else
                *ret = value;
}

void take_fraction(Parser *p, const char *field, const char *s, double max, double *ret)
{
        char buf[48];
        double value = 0;
        int r;

        r = number_parse_fraction(s, &value);
        if (r == -EINVAL)
                complain(p, field, "'%s' is not a decimal number", shown(s, buf));
        else if (r < 0 || value <= 0 || value > max)
                complain(p, field, "'%s' is not above 0 and at most %g", shown(s, buf), max);
        else
                *ret = value;
}

bool name_is_valid(Parser *p, const char *field, const char *s)
{
        if (s[0] == '\0') {
                complain(p, field, "is empty");
                return false;
        }
        if (strlen(s) > NAME_MAX_LEN) {
                complain(p, field, "is longer than %d characters", NAME_MAX_LEN);
                return false;
        }
        for (const char *c = s; *c; c++)
                if (*c < ' ' || *c > '~') {
                        complain(p, field, "has a character that is not printable ASCII");
                        return false;
                }
        return true;
}

static void list_keys(const Key *keys, char *buf, size_t size)
{
        buf[0] = '\0';
        for (const Key *k = keys; k->name; k++) {
                size_t used = strlen(buf);

                snprintf(buf + used, size - used, "%s%s", used ? ", " : "", k->name);
        }
}

static void set_key(Parser *p, const Key *keys, uint64_t *seen, char *field, void *object)
{
        char buf[48], known[64];
        char *value = strchr(field, '=');

        if (!value) {
                complain(p, "field", "'%s' is not a key=value field", shown(field, buf));
                return;
        }
        *value++ = '\0';
        field = trim(field);
        value = trim(value);

        for (size_t i = 0; keys[i].name; i++) {
                if (strcmp(keys[i].name, field) != 0)
                        continue;
                if (*seen & UINT64_C(1) << i)
                        complain(p, field, "is given twice");
                else if (value[0] == '\0')
                        complain(p, field, "has no value");
                else
                        keys[i].set(p, object, value);
                *seen |= UINT64_C(1) << i;
                return;
        }
        list_keys(keys, known, sizeof(known));
        complain(p, "field", "unknown key '%s' (known: %s)", shown(field, buf), known);
}

void set_keys(Parser *p, const Key *keys, const Fields *fields, size_t first, void *object)
{
        uint64_t seen = 0;

        for (size_t i = first; i < fields->n; i++)
                set_key(p, keys, &seen, fields->items[i], object);
}
