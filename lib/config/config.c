/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The validated configuration: from a text or a file, all of it or nothing. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/macro.h"
#include "config/errors.h"
#include "config/monitors.h"
#include "config/yaml.h"

int monitor_config_init(MonitorConfig *monitor, const char *name) {
        *monitor = (MonitorConfig) {
                .name = strdup(name),
                .source = strdup("auto"),
                .policy = strdup("classic"),
                .attrs = MONITOR_ATTRS_DEFAULT,
        };
        if (monitor->name && monitor->source && monitor->policy)
                return 0;

        monitor_config_deinit(monitor);
        return -ENOMEM;
}

void monitor_config_deinit(MonitorConfig *monitor) {
        for (size_t i = 0; i < monitor->n_targets; i++)
                free(monitor->targets[i].command);
        free(monitor->targets);
        free(monitor->name);
        free(monitor->source);
        free(monitor->policy);
        free(monitor->sim_pattern);
        *monitor = (MonitorConfig) {};
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

/* DAMO's own files have a shape of their own, so none of the errors that the schema would find in
 * them says what is the matter. */
static int refuse_damo(const YamlNode *root, ConfigErrors *errors) {
        const YamlNode *kdamonds = yaml_child(root, "kdamonds");

        if (!kdamonds)
                return 0;
        return schema_error(errors, kdamonds,
                            "files made by DAMO ('kdamonds') are not supported by this version");
}

/* From a tree; what is wrong is in the errors. 0 or -ENOMEM. */
static int read_config(const YamlNode *root, Config **ret, ConfigErrors *errors) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        config = calloc(1, sizeof(*config));
        if (!config)
                return -ENOMEM;

        if (yaml_child(root, "kdamonds"))
                r = refuse_damo(root, errors);
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
        int r;

        assert(errors->n == 0);

        r = yaml_tree_read(text, size, &root, errors);
        if (r == 0)
                r = read_config(root, &config, errors);
        if (r < 0)
                return r;
        if (errors->n > 0)
                return -EINVAL;

        *ret = TAKE_PTR(config);
        return 0;
}

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

int config_load(const char *path, Config **ret, ConfigErrors *errors) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        _cleanup_close_ int fd = -1;
        int r;

        fd = open_regular(path);
        if (fd < 0)
                return report_unreadable(errors, fd);

        r = read_whole(fd, CONFIG_FILE_MAX, &buffer);
        if (r < 0)
                return report_unreadable(errors, r);
        return config_parse(buffer.data, buffer.size, ret, errors);
}
