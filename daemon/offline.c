/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What udamond does without being a daemon: check a configuration, simulate schemes. */
#include "offline.h"

#include <errno.h>
#include <stdio.h>

#include "action/support.h"
#include "base/error.h"
#include "config/errors.h"
#include "config/load.h"
#include "log.h"
#include "simulate.h"

void print_config_errors(const ConfigErrors *errors) {
        for (size_t i = 0; i < errors->n; i++) {
                const ConfigError *error = &errors->errors[i];
                const char *file = config_error_file(errors, error);

                if (error->line > 0)
                        (void) fprintf(stderr, "%s:%u:%u: %s\n", file ?: "", error->line, error->column, error->text);
                else
                        (void) fprintf(stderr, "%s%s%s\n", file ?: "", file ? ": " : "", error->text);
        }
        if (errors->n_more > 0)
                (void) fprintf(stderr, "and %zu more\n", errors->n_more);
}

/* What a correct file asks for and this machine cannot do: it may be meant for another one. */
static void note_unusable(const Loaded *loaded) {
        const Config *config = loaded->config;
        RootFds roots = ROOT_FDS_NONE;
        ActionSupport *support = NULL;

        if (root_fds_open(&roots, "") < 0 || action_support_probe(&roots, &support) < 0) {
                root_fds_close(&roots);
                return;
        }
        for (size_t i = 0; i < config->n_monitors; i++)
                for (size_t k = 0; k < config->monitors[i].n_schemes; k++) {
                        const SchemeConfig *scheme = &config->monitors[i].schemes[k];
                        const ActionFinding *finding = &support->actions[scheme->action];
                        const char *file = loaded->files[config->monitors[i].file - 1];

                        if (finding->usable || scheme->dry_run)
                                continue;
                        (void) fprintf(stderr, "%s:%u:%u: note: scheme '%s' cannot run here as this user: %s: %s\n",
                                       file, scheme->line, scheme->column, scheme->name,
                                       action_name(scheme->action), finding->reason);
                }
        action_support_free(support);
        root_fds_close(&roots);
}

/* One path, or the usual places. */
static int check_path(const char *path) {
        LoadFrom from = { .root = "", .usual = !path, .paths = &path, .n_paths = path ? 1 : 0 };
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(loaded_deinit) Loaded loaded = {};

        if (load_configuration(&from, NULL, &loaded, &errors) < 0) {
                print_config_errors(&errors);
                return EXIT_CONFIG;
        }
        (void) printf("%s: correct, %zu monitor%s", path ?: "/etc/udamon", loaded.config->n_monitors,
                      loaded.config->n_monitors == 1 ? "" : "s");
        if (loaded.n_files != 1 || !path)
                (void) printf(" in %zu file%s", loaded.n_files, loaded.n_files == 1 ? "" : "s");
        (void) printf("\n");
        note_unusable(&loaded);
        return EXIT_OK;
}

int offline_check(const char *const *paths, size_t n) {
        int status = EXIT_OK;

        if (n == 0)
                return check_path(NULL);
        for (size_t i = 0; i < n; i++)
                if (check_path(paths[i]) != EXIT_OK)
                        status = EXIT_CONFIG;
        return status;
}

/* Schemes alone, or those of a configuration's only monitor. */
int offline_simulate(const char *file) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(buffer_deinit) Buffer text = {};
        SchemeConfig *schemes = NULL;
        size_t n = 0;
        int r;

        r = read_whole_at(-1, file, CONFIG_FILE_MAX, &text);
        if (r < 0) {
                log_error("cannot read %s: %s", file, error_text(r));
                return EXIT_CONFIG;
        }
        r = config_errors_begin(&errors, file);
        if (r == 0)
                r = config_parse_schemes(text.data, text.size, &schemes, &n, &errors);
        print_config_errors(&errors);
        if (r < 0)
                return EXIT_CONFIG;

        r = simulate(schemes, n, stdin, stdout);
        if (r < 0 && r != -EBADMSG)
                log_error("cannot simulate: %s", error_text(r));
        for (size_t i = 0; i < n; i++)
                scheme_config_deinit(&schemes[i]);
        free(schemes);
        return r < 0 ? EXIT_FAILED : EXIT_OK;
}
