/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What adaptation policies have in common: telling noise from difference, merging, keeping the bounds. */
#pragma once

#include "monitor/adapt.h"

/* Standard errors beyond which two neighbours are not alike. With 20 samples 4.6 % of equal neighbours stay apart
 * for a window. */
#define MERGE_Z 2.0

/* Standard error of the difference of two rates that rest on n1 and n2 samples, if both were the
 * same. One access more and one less are added, so that "never seen" is not "impossible". */
double merge_difference_error(double rate1, double n1, double rate2, double n2);

/* How far two such rates are apart, in standard errors, where chance is lopsided: near 0 and 1 many more hits than
 * expected are less improbable than many standard errors say (Anscombe's transformation). */
double merge_distance(double rate1, double n1, double rate2, double n2);

/* The probability that at least so many of n samples find an access, at this rate: the exact binomial tail. */
double merge_tail(double hits, double n, double rate);

/* A region's rate has changed: its average begins anew, and its age. */
void merge_restart_history(Region *region, double rate, double n, nsec_t since);

/* Merges what is alike in one list, up to the size limit: neighbours that are both idle or both not, of rates that
 * differ by no more than `flat` or MERGE_Z standard errors, and of ages that are near. Regions without any sample are
 * like each other. */
void merge_alike_regions(const AdaptContext *context, RegionList *list, double flat);

/* Merges what is alike, up to the size limit; then, where that leaves more than max_regions, what is nearest. */
void merge_regions(const AdaptContext *context, double flat);

/* Cuts what exceeds the size limit, so that min_regions holds, and max_region_size. 0 or -ENOMEM. */
int merge_bound(AdaptContext *context);

/* Draws one sample for each mapping: where a source sees whole mappings, that says all there is to know. 0 or
 * -ENOMEM. */
int merge_draw_mappings(Target *target);

/* Begins a new window: counts from zero. */
void merge_reset_windows(AdaptContext *context);
