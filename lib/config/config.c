/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validated configuration: from a text or a file, all of it or nothing. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/macro.h"
#include "config/damo.h"
#include "config/errors.h"
#include "config/monitors.h"
#include "config/schema-dump.h"
#include "config/schemes.h"
#include "config/yaml.h"

int monitor_config_init(MonitorConfig *monitor, const char *name) {
        *monitor = (MonitorConfig) {
                .name = strdup(name),
                .ops = strdup("vaddr"),
                .source = strdup("auto"),
                .policy = strdup("directed"),
                .attrs = MONITOR_ATTRS_DEFAULT,
        };
        if (monitor->name && monitor->ops && monitor->source && monitor->policy)
                return 0;

        monitor_config_deinit(monitor);
        return -ENOMEM;
}

void monitor_config_deinit(MonitorConfig *monitor) {
        for (size_t i = 0; i < monitor->n_targets; i++)
                target_config_deinit(&monitor->targets[i]);
        free(monitor->targets);
        for (size_t i = 0; i < monitor->n_schemes; i++)
                scheme_config_deinit(&monitor->schemes[i]);
        free(monitor->schemes);
        free(monitor->name);
        free(monitor->ops);
        free(monitor->source);
        free(monitor->policy);
        free(monitor->sim_pattern);
        *monitor = (MonitorConfig) {};
}

bool monitor_config_is_physical(const MonitorConfig *monitor) {
        return streq(monitor->ops, "paddr");
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;

        for (size_t i = 0; i < config->n_monitors; i++)
                monitor_config_deinit(&config->monitors[i]);
        free(config->monitors);
        free(config);
        return NULL;
}

/* From a tree; what is wrong is in the errors. 0 or -ENOMEM. */
static int read_config(const YamlNode *root, Config **ret, ConfigErrors *errors) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        config = calloc(1, sizeof(*config));
        if (!config)
                return -ENOMEM;

        if (yaml_child(root, "kdamonds"))
                r = damo_read(root, config, errors);
        else
                r = schema_read(&monitors_schema, root, config, errors);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(config);
        return 0;
}

int config_parse(const char *text, size_t size, Config **ret, ConfigErrors *errors) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(yaml_tree_freep) YamlNode *root = NULL;
        size_t before = config_errors_count(errors);
        int r;

        r = yaml_tree_read(text, size, &root, errors);
        if (r == 0)
                r = read_config(root, &config, errors);
        if (r < 0)
                return r;
        if (config_errors_count(errors) > before)
                return -EINVAL;

        for (size_t i = 0; i < config->n_monitors; i++)
                config->monitors[i].file = errors->at;
        *ret = TAKE_PTR(config);
        return 0;
}

/* ---- Schemes by themselves ---- */

static void scheme_list_deinit(SchemeList *list) {
        for (size_t i = 0; i < list->n_schemes; i++)
                scheme_config_deinit(&list->schemes[i]);
        free(list->schemes);
}

/* The schemes of a whole configuration change hands. 0 or -ENOMEM. */
static int take_schemes(const YamlNode *root, SchemeList *list, ConfigErrors *errors) {
        _cleanup_(config_freep) Config *config = NULL;
        MonitorConfig *monitor;
        int r;

        r = read_config(root, &config, errors);
        if (r < 0 || errors->n > 0)
                return r;
        monitor = &config->monitors[0];
        if (config->n_monitors != 1)
                return schema_error(errors, root->first,
                                    "%zu monitors: whose schemes are meant is only clear when there is one",
                                    config->n_monitors);
        if (monitor->n_schemes == 0)
                return schema_error(errors, root->first, "the monitor '%s' has no schemes", monitor->name);

        *list = (SchemeList) { TAKE_PTR(monitor->schemes), TAKE_GENERIC(monitor->n_schemes, 0) };
        return 0;
}

int config_parse_schemes(const char *text, size_t size, SchemeConfig **ret, size_t *ret_n, ConfigErrors *errors) {
        _cleanup_(scheme_list_deinit) SchemeList list = {};
        _cleanup_(yaml_tree_freep) YamlNode *root = NULL;
        int r;

        assert(errors->n == 0);

        r = yaml_tree_read(text, size, &root, errors);
        if (r == 0 && (yaml_child(root, "monitors") || yaml_child(root, "kdamonds")))
                r = take_schemes(root, &list, errors);
        else if (r == 0)
                r = schema_read(&schemes_schema, root, &list, errors);
        if (r < 0)
                return r;
        if (errors->n > 0)
                return -EINVAL;

        *ret_n = TAKE_GENERIC(list.n_schemes, 0);
        *ret = TAKE_PTR(list.schemes);
        return 0;
}

int config_change_scheme(const SchemeConfig *scheme, const char *text, size_t size, SchemeConfig *ret,
                         ConfigErrors *errors) {
        _cleanup_(scheme_config_deinit) SchemeConfig changed = {};
        _cleanup_(yaml_tree_freep) YamlNode *root = NULL;
        int r;

        assert(errors->n == 0);

        r = scheme_config_copy(scheme, &changed);
        if (r == 0)
                r = yaml_tree_read(text, size, &root, errors);
        if (r == 0)
                r = scheme_change(&changed, root, errors);
        if (r < 0)
                return r;
        if (errors->n > 0)
                return -EINVAL;

        *ret = TAKE_GENERIC(changed, (SchemeConfig) {});
        return 0;
}

/* ---- Back into a text ---- */

/* Ends a text that grew in memory. 0 or -ENOMEM, then the text is gone. */
static int finish_text(FILE *out, char **text) {
        bool failed = ferror(out);

        if (fclose(out) == 0 && !failed)
                return 0;
        free(*text);
        *text = NULL;
        return -ENOMEM;
}

/* By the schema of the document, of which the items are one after the other: they need not lie in one array. */
static int format_items(const char *key, const SchemaMap *map, const void *const *items, size_t n, char **ret) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);
        int r;

        if (!out)
                return -ENOMEM;
        (void) fprintf(out, "%s:%s\n", key, n == 0 ? " []" : "");
        for (size_t i = 0; i < n; i++)
                schema_dump_item(map, items[i], out);
        r = finish_text(out, &text);
        if (r == 0)
                *ret = text;
        return r;
}

int config_format(const MonitorConfig *const *monitors, size_t n, char **ret) {
        return format_items("monitors", &monitor_map, (const void *const *) monitors, n, ret);
}

int config_format_scheme(const SchemeConfig *scheme, char **ret) {
        const void *item = scheme;

        return format_items("schemes", &scheme_map, &item, 1, ret);
}

/* ---- Files ---- */

/* Opens without waiting: a FIFO in the configuration directory must not hang the daemon. */
static int open_regular(const char *path) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        return TAKE_FD(fd);
}

static int report_unreadable(ConfigErrors *errors, int reason) {
        int r;

        if (reason == -ENOMEM)
                return reason;

        if (reason == -EFBIG)
                r = config_errors_addf(errors, 0, 0, "the file is larger than %d KiB",
                                       CONFIG_FILE_MAX / 1024);
        else if (reason == -ENOTSUP)
                r = config_errors_addf(errors, 0, 0, "not a regular file");
        else
                r = config_errors_addf(errors, 0, 0, "cannot be read: %s", error_text(reason));
        return r < 0 ? r : -EINVAL;
}

int config_read_file(const char *path, Buffer *ret, ConfigErrors *errors) {
        _cleanup_close_ int fd = -1;
        int r;

        r = config_errors_begin(errors, path);
        if (r < 0)
                return r;
        fd = open_regular(path);
        if (fd < 0)
                return report_unreadable(errors, fd);
        r = read_whole(fd, CONFIG_FILE_MAX, ret);
        return r < 0 ? report_unreadable(errors, r) : 0;
}

int config_load(const char *path, Config **ret, ConfigErrors *errors) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        int r;

        r = config_read_file(path, &buffer, errors);
        return r < 0 ? r : config_parse(buffer.data, buffer.size, ret, errors);
}
