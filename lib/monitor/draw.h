/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the samples of the policy `directed` go. */
#pragma once

#include "monitor/adapt.h"

/* What one interval's budget is for this target: its part by bytes of all that runs. In samples. */
double draw_budget(const AdaptContext *context, const Target *target);

/* AdaptPolicy.draw: fills target->samples, in address order, each page once. 0 or -ENOMEM. */
int draw_samples(AdaptContext *context, Target *target);
