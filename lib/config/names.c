/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of monitors and schemes, and paths of cgroups. */
#include "config/names.h"

#include <ctype.h>
#include <errno.h>

#include "base/error.h"
#include "base/macro.h"

int check_name(const char *name, char **ret_error) {
        char text[EXCERPT_MAX];
        const char *p = name;

        while (isalnum((unsigned char) *p) || (p > name && *p && strchr("._-", *p)))
                p++;
        if (!*p)
                return 0;
        return error_setf(ret_error, -EINVAL,
                          "'%s' is not a name (ASCII letters, digits, '.', '_', '-'; a letter or digit first)",
                          excerpt(text, name));
}

/* Whether the part of a path at p leads nowhere of its own: "", "." and "..". */
static bool is_hollow(const char *p) {
        size_t length = strcspn(p, "/");

        return length == 0 || (length <= 2 && strspn(p, ".") == length);
}

int check_cgroup(const char *path, char **ret_error) {
        char text[EXCERPT_MAX];
        const char *p = path;

        if (*path != '/')
                return error_setf(ret_error, -EINVAL, "'%s' must begin with '/' (did you mean '/%.*s'?)",
                                  excerpt(text, path), EXCERPT_MAX, text);
        if (strncmp(path, "/sys/fs/cgroup", strlen("/sys/fs/cgroup")) == 0)
                return error_setf(ret_error, -EINVAL, "'%s' must be the path below /sys/fs/cgroup",
                                  excerpt(text, path));
        if (!path[1])
                return 0;
        for (; *p; p += strcspn(p, "/"))
                if (is_hollow(++p))
                        return error_setf(ret_error, -EINVAL, "'%s' has a part that is empty, '.' or '..'",
                                          excerpt(text, path));
        return 0;
}

static const YamlNode *name_node(const YamlNode *item) {
        const YamlNode *name = yaml_child(item, "name");

        return name && name->kind == YAML_KIND_SCALAR && !name->broken && *name->text ? name : NULL;
}

int check_unique_names(const YamlNode *list, const char *what, ConfigErrors *errors) {
        int r = 0;

        for (const YamlNode *b = list ? list->first : NULL; b && r == 0; b = b->next) {
                const YamlNode *name = name_node(b), *first = NULL;
                char text[EXCERPT_MAX];

                for (const YamlNode *a = list->first; name && a != b && !first; a = a->next)
                        if (name_node(a) && streq(name_node(a)->text, name->text))
                                first = name_node(a);
                if (first)
                        r = schema_value_error(errors, name, "duplicate %s name '%s' (first at %u:%u)", what,
                                               excerpt(text, name->text), first->line, first->column);
        }
        return r;
}
