/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of a scheme as they are typed, "quotas.sz=64MiB", and as the daemon reads them: YAML. */
#pragma once

#include <stddef.h>

/* "{quotas: {sz: 64MiB}, age: [5s, max]}" from KEY=VALUE words, with values quoted where YAML would see more in
 * them than a plain word, or a list of such. Allocated. 0; -EINVAL with the reason; -ENOMEM. */
int settings_compose(const char *const *words, size_t n, char **ret, char **ret_error);
