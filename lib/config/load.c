/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files make up the configuration, and reading them all. */
#include "config/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/macro.h"
#include "config/errors.h"

#define SETTINGS_FILE "udamond.conf"
#define SETTINGS_DIRECTORY "udamond.conf.d"
#define MONITORS_DIRECTORY "monitors.d"

/* A file here hides those of the same name that follow, as everywhere with systemd. */
static const char *const usual_places[] = {
        "/etc/udamon",
        "/run/udamon",
        "/usr/local/lib/udamon",
        "/usr/lib/udamon",
};

/* ---- Lists of paths ---- */

typedef struct Paths {
        char **items;
        size_t n;
} Paths;

static void paths_deinit(Paths *paths) {
        for (size_t i = 0; i < paths->n; i++)
                free(paths->items[i]);
        free(paths->items);
        *paths = (Paths) {};
}

/* Takes over the path, always. */
static int paths_take(Paths *paths, char *path) {
        char **items = path ? reallocarray(paths->items, paths->n + 1, sizeof(*items)) : NULL;

        if (!items) {
                free(path);
                return -ENOMEM;
        }
        paths->items = items;
        items[paths->n++] = path;
        return 0;
}

static bool ends_in(const char *name, const char *suffix) {
        size_t n = strlen(name), m = strlen(suffix);

        return n > m && streq(name + n - m, suffix);
}

static char *join(const char *a, const char *b) {
        char *path;

        return asprintf(&path, "%s%s%s", a, *b && !ends_in(a, "/") ? "/" : "", b) < 0 ? NULL : path;
}

static const char *base_name(const char *path) {
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(base_name(*(char *const *) a), base_name(*(char *const *) b));
}

/* ---- Directories ---- */

typedef enum Kind {
        KIND_SETTINGS,
        KIND_MONITORS,
} Kind;

static bool is_of(Kind kind, const char *name) {
        return kind == KIND_SETTINGS ? ends_in(name, ".conf") : ends_in(name, ".yaml") || ends_in(name, ".yml");
}

/* A link to /dev/null: there to hide another one. An empty file is not: it may be one that is just being written. */
static bool is_mask(const char *path) {
        struct stat st;

        return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

static bool has_name(const Paths *paths, const char *name) {
        for (size_t i = 0; i < paths->n; i++)
                if (streq(base_name(paths->items[i]), name))
                        return true;
        return false;
}

typedef struct Search {
        const LoadFrom *from;
        ConfigErrors *errors;
        Paths directories;
        Paths files[2]; /* by kind, in the order in which they are to be read */
} Search;

static void search_deinit(Search *search) {
        paths_deinit(&search->directories);
        paths_deinit(&search->files[KIND_SETTINGS]);
        paths_deinit(&search->files[KIND_MONITORS]);
}

static int report_directory(Search *s, const char *path, const char *reason) {
        int r;

        r = config_errors_begin(s->errors, path);
        return r < 0 ? r : config_errors_addf(s->errors, 0, 0, "cannot be read: %s", reason);
}

/* Adds the files of a directory whose names are not taken yet. 0; -ENOENT or -ENOTDIR where there is none. */
static int look_into(Search *s, const char *path, Kind kind, Paths *found) {
        struct dirent *entry;
        DIR *dir = opendir(path);
        int r;

        if (!dir && (errno == ENOENT || errno == ENOTDIR))
                return -errno;
        if (!dir)
                return report_directory(s, path, error_text(errno));
        r = paths_take(&s->directories, strdup(path));
        while (r == 0 && (entry = readdir(dir)))
                if (*entry->d_name != '.' && is_of(kind, entry->d_name) && !has_name(found, entry->d_name))
                        r = paths_take(found, join(path, entry->d_name));
        (void) closedir(dir);
        return r;
}

/* In the order of their names, whatever directories they are in; what is only there to hide others is left out. */
static int add_sorted(Search *s, Kind kind, Paths *found) {
        int r = 0;

        if (found->n > 0)
                qsort(found->items, found->n, sizeof(*found->items), compare_names);
        for (size_t i = 0; i < found->n && r == 0; i++)
                if (!is_mask(found->items[i]))
                        r = paths_take(&s->files[kind], TAKE_PTR(found->items[i]));
        return r;
}

/* One directory of several places, the first of which wins. */
static int add_directories(Search *s, const char *const *places, size_t n, const char *name, Kind kind) {
        _cleanup_(paths_deinit) Paths found = {};
        int r = 0;

        for (size_t i = 0; i < n && (r == 0 || r == -ENOENT || r == -ENOTDIR); i++) {
                _cleanup_free_ char *path = join(places[i], name);

                r = path ? look_into(s, path, kind, &found) : -ENOMEM;
        }
        if (r == -ENOMEM)
                return r;
        return add_sorted(s, kind, &found);
}

/* ---- The usual places ---- */

static int add_main_file(Search *s, char *const *places) {
        for (size_t i = 0; i < ELEMENTSOF(usual_places); i++) {
                _cleanup_free_ char *path = join(places[i], SETTINGS_FILE);

                if (!path)
                        return -ENOMEM;
                if (access(path, F_OK) < 0)
                        continue;
                return is_mask(path) ? 0 : paths_take(&s->files[KIND_SETTINGS], TAKE_PTR(path));
        }
        return 0;
}

static int add_usual(Search *s) {
        _cleanup_(paths_deinit) Paths places = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(usual_places) && r == 0; i++) {
                char *path;

                r = asprintf(&path, "%s%s", s->from->root, usual_places[i]) < 0 ? -ENOMEM : paths_take(&places, path);
        }
        if (r == 0)
                r = add_main_file(s, places.items);
        if (r == 0)
                r = add_directories(s, (const char *const *) places.items, places.n, SETTINGS_DIRECTORY, KIND_SETTINGS);
        if (r == 0)
                r = add_directories(s, (const char *const *) places.items, places.n, MONITORS_DIRECTORY, KIND_MONITORS);
        return r;
}

/* ---- Named places ---- */

/* What lies in it, and in the directories that it may have below, as /etc/udamon has. */
static int add_directory(Search *s, const char *path) {
        int r;

        r = add_directories(s, &path, 1, "", KIND_SETTINGS);
        if (r == 0)
                r = add_directories(s, &path, 1, SETTINGS_DIRECTORY, KIND_SETTINGS);
        if (r == 0)
                r = add_directories(s, &path, 1, "", KIND_MONITORS);
        if (r == 0)
                r = add_directories(s, &path, 1, MONITORS_DIRECTORY, KIND_MONITORS);
        return r;
}

static int add_path(Search *s, const char *path) {
        struct stat st;

        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return add_directory(s, path);
        return paths_take(&s->files[is_of(KIND_SETTINGS, path) ? KIND_SETTINGS : KIND_MONITORS], strdup(path));
}

static int find_files(Search *s) {
        int r = 0;

        if (s->from->usual)
                r = add_usual(s);
        for (size_t i = 0; i < s->from->n_paths && r == 0; i++)
                r = add_path(s, s->from->paths[i]);
        return r;
}

/* udamond.conf has the last word on where the monitors are, unless they were named on the command line. */
static int redirect_monitors(Search *s, const char *path) {
        if (!path || !s->from->usual)
                return 0;
        paths_deinit(&s->files[KIND_MONITORS]);
        return add_path(s, path);
}

/* ---- Reading ---- */

static int read_settings(const char *path, Settings *settings, ConfigErrors *errors) {
        _cleanup_(buffer_deinit) Buffer text = {};
        int r;

        r = config_read_file(path, &text, errors);
        return r < 0 ? r : settings_parse(settings, text.data, text.size, errors);
}

static const MonitorConfig *find_monitor(const Config *config, const char *name) {
        for (size_t i = 0; i < config->n_monitors; i++)
                if (streq(config->monitors[i].name, name))
                        return &config->monitors[i];
        return NULL;
}

/* The monitors of another file come behind those that are there. */
static int append_monitors(Config *config, Config *other, ConfigErrors *errors) {
        MonitorConfig *monitors;

        for (size_t i = 0; i < other->n_monitors; i++) {
                const MonitorConfig *same = find_monitor(config, other->monitors[i].name);
                int r = !same ? 0 : config_errors_addf(errors, 0, 0, "the monitor '%s' is in %s, too", same->name,
                                                       errors->files[same->file - 1]);

                if (r < 0)
                        return r;
        }
        if (other->n_monitors == 0)
                return 0;

        monitors = reallocarray(config->monitors, config->n_monitors + other->n_monitors, sizeof(*monitors));
        if (!monitors)
                return -ENOMEM;
        config->monitors = monitors;
        memcpy(monitors + config->n_monitors, other->monitors, other->n_monitors * sizeof(*monitors));
        config->n_monitors += TAKE_GENERIC(other->n_monitors, 0);
        return 0;
}

static int read_monitors(const char *path, Config *config, ConfigErrors *errors) {
        _cleanup_(config_freep) Config *more = NULL;
        int r;

        r = config_load(path, &more, errors);
        return r < 0 ? r : append_monitors(config, more, errors);
}

/* Every file is read, whatever is wrong with another one. */
static int read_files(Search *s, Loaded *loaded) {
        int r = 0;

        for (size_t i = 0; i < s->files[KIND_SETTINGS].n && (r == 0 || r == -EINVAL); i++)
                r = read_settings(s->files[KIND_SETTINGS].items[i], &loaded->settings, s->errors);
        if (r == 0)
                r = redirect_monitors(s, loaded->settings.monitors);
        for (size_t i = 0; i < s->files[KIND_MONITORS].n && (r == 0 || r == -EINVAL); i++)
                r = read_monitors(s->files[KIND_MONITORS].items[i], loaded->config, s->errors);
        return r;
}

static bool is_there(const Paths *paths, const char *path) {
        for (size_t i = 0; i < paths->n; i++)
                if (streq(paths->items[i], path))
                        return true;
        return false;
}

static bool was_file(const Loaded *before, const char *path) {
        for (size_t i = 0; i < before->n_files; i++)
                if (streq(before->files[i], path))
                        return true;
        return false;
}

static int check_lost(Search *s, const Loaded *before) {
        int r = 0;

        for (size_t i = 0; before && i < s->directories.n && r == 0; i++)
                if (was_file(before, s->directories.items[i]))
                        r = report_directory(s, s->directories.items[i],
                                             "it is a directory, and was a file when it was read before");
        for (size_t i = 0; before && i < before->n_directories && r == 0; i++)
                if (!is_there(&s->directories, before->directories[i]))
                        r = report_directory(s, before->directories[i],
                                             "the directory was there when the configuration was read before");
        return r;
}

static void hand_over(Paths *paths, char ***ret, size_t *ret_n) {
        *ret = TAKE_PTR(paths->items);
        *ret_n = TAKE_GENERIC(paths->n, 0);
}

int load_configuration(const LoadFrom *from, const Loaded *before, Loaded *ret, ConfigErrors *errors) {
        _cleanup_(search_deinit) Search search = { .from = from, .errors = errors };
        _cleanup_(loaded_deinit) Loaded loaded = {};
        int r;

        assert(config_errors_count(errors) == 0);

        r = settings_init(&loaded.settings);
        if (r < 0)
                return r;
        loaded.config = calloc(1, sizeof(*loaded.config));
        r = loaded.config ? find_files(&search) : -ENOMEM;
        if (r == 0)
                r = read_files(&search, &loaded);
        if (r == 0)
                r = check_lost(&search, before);
        if (r == -ENOMEM)
                return r;
        config_errors_resume(errors, 0);
        if (config_errors_count(errors) > 0)
                return -EINVAL;

        hand_over(&search.directories, &loaded.directories, &loaded.n_directories);
        loaded.files = TAKE_PTR(errors->files);
        loaded.n_files = TAKE_GENERIC(errors->n_files, 0);
        *ret = TAKE_GENERIC(loaded, (Loaded) {});
        return 0;
}

void loaded_deinit(Loaded *loaded) {
        settings_deinit(&loaded->settings);
        loaded->config = config_free(loaded->config);
        for (size_t i = 0; i < loaded->n_files; i++)
                free(loaded->files[i]);
        free(loaded->files);
        for (size_t i = 0; i < loaded->n_directories; i++)
                free(loaded->directories[i]);
        free(loaded->directories);
        *loaded = (Loaded) {};
}
