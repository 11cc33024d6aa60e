/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting what is wrong with a configuration. */
#include "config/errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macro.h"

void config_errors_deinit(ConfigErrors *errors) {
        for (size_t i = 0; i < errors->n; i++)
                free(errors->errors[i].text);
        free(errors->errors);
        for (unsigned i = 0; i < errors->n_files; i++)
                free(errors->files[i]);
        free(errors->files);
        *errors = (ConfigErrors) {};
}

int config_errors_begin(ConfigErrors *errors, const char *path) {
        char **files = reallocarray(errors->files, errors->n_files + 1, sizeof(*files));

        if (!files)
                return -ENOMEM;
        errors->files = files;
        files[errors->n_files] = strdup(path);
        if (!files[errors->n_files])
                return -ENOMEM;
        errors->at = ++errors->n_files;
        return 0;
}

void config_errors_resume(ConfigErrors *errors, unsigned file) {
        errors->at = file;
}

const char *config_error_file(const ConfigErrors *errors, const ConfigError *error) {
        return error->file > 0 ? errors->files[error->file - 1] : NULL;
}

size_t config_errors_count(const ConfigErrors *errors) {
        return errors->n + errors->n_more;
}

static bool is_before(unsigned file, unsigned line, unsigned column, const ConfigError *error) {
        if (file != error->file)
                return file < error->file;
        return line != error->line ? line < error->line : column < error->column;
}

bool config_errors_wants(const ConfigErrors *errors, unsigned line, unsigned column) {
        return errors->n < CONFIG_ERRORS_MAX ||
               is_before(errors->at, line, column, &errors->errors[errors->n - 1]);
}

/* Puts an error at its place; when the list is full, the last one gives way. */
static void insert(ConfigErrors *errors, ConfigError error) {
        size_t at;

        if (errors->n == CONFIG_ERRORS_MAX) {
                free(errors->errors[--errors->n].text);
                errors->n_more++;
        }

        for (at = errors->n; at > 0; at--) {
                if (!is_before(error.file, error.line, error.column, &errors->errors[at - 1]))
                        break;
                errors->errors[at] = errors->errors[at - 1];
        }
        errors->errors[at] = error;
        errors->n++;
}

int config_errors_addf(ConfigErrors *errors, unsigned line, unsigned column, const char *format,
                       ...) {
        ConfigError error = { .file = errors->at, .line = line, .column = column };
        va_list ap;

        if (!config_errors_wants(errors, line, column)) {
                errors->n_more++;
                return 0;
        }

        if (!errors->errors)
                errors->errors = calloc(CONFIG_ERRORS_MAX, sizeof(*errors->errors));
        if (!errors->errors)
                return -ENOMEM;

        va_start(ap, format);
        error.text = text_vformat(format, ap);
        va_end(ap);
        if (!error.text)
                return -ENOMEM;

        insert(errors, error);
        return 0;
}

/* The text comes from libyaml, which has checked the encoding; the NUL at the end stops a broken one all the
 * same. */
size_t code_point(const char *s, uint32_t *ret) {
        unsigned char lead = (unsigned char) *s;
        size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint32_t value = n == 1 ? lead : lead & (0x7fU >> n);

        for (size_t i = 1; i < n; i++) {
                if (!s[i]) {
                        n = i;
                        break;
                }
                value = value << 6 | ((unsigned char) s[i] & 0x3f);
        }

        *ret = value;
        return n;
}

/* Controls (C0, DEL, C1), line separators and the marks that turn the direction of text around. */
static bool is_harmful(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069);
}

char *excerpt(char buf[static EXCERPT_MAX], const char *text) {
        static const char more[] = "...";
        size_t used = 0;

        while (*text) {
                uint32_t c;
                size_t n = code_point(text, &c);

                if (used + n + sizeof(more) > EXCERPT_MAX) {
                        memcpy(buf + used, more, sizeof(more));
                        return buf;
                }
                if (is_harmful(c))
                        buf[used++] = '?';
                else
                        used = (size_t) ((char *) mempcpy(buf + used, text, n) - buf);
                text += n;
        }

        buf[used] = 0;
        return buf;
}
