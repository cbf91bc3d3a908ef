/* Labels that are likely wrong: rows whose own label has little probability from heads that did not learn from them
 * (confident learning, Northcutt, Jiang and Chuang 2021). */
#ifndef TW_TRAIN_DOUBT_H
#define TW_TRAIN_DOUBT_H

#include "train/examples.h"
#include "train/recipe.h"

struct tw_doubt {
    size_t row;
    int64_t label, suggested; /* suggested: the other label that is likeliest */
    double own, other;        /* probabilities of the two */
    double rank;              /* own - other, -1 (surely wrong) to 1 */
    bool is_suspect; /* of the confident joint: `other` is as likely as is usual for rows of that label, `own` is not */
};
/* Every row with just one label, the most doubtful first. TW_UNSUPPORTED: no head could be chosen by cross-validation (too few
 * or too many examples). The list is the caller's (tw_free). */
enum tw_status tw_doubt_find(const struct tw_examples *examples, const struct tw_recipe_options *options,
                             struct tw_doubt **doubts, size_t *count, struct tw_error *error) TW_MUST_USE;
/* The same, by held out log scores (count x class_count) that a recipe gave already. */
enum tw_status tw_doubt_by_scores(const struct tw_examples *examples, const float *log_scores, size_t class_count,
                                  struct tw_doubt **doubts, size_t *count, struct tw_error *error) TW_MUST_USE;

#endif
