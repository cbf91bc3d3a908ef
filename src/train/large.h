/* The choice of a head for sets that are too large to try everything on: a few passes over the rows, block by block, and the
 * judgement of a bounded part of them that is kept aside. What the files large*.c share. */
#ifndef TW_TRAIN_LARGE_H
#define TW_TRAIN_LARGE_H

#include "train/calibration.h"
#include "train/recipe.h"
#include "train/rows.h"

/* logits = mapped and moved row * weights + biases. Owned. */
struct tw_rule {
    float *weights; /* width x classes */
    float *biases;  /* classes */
};
struct tw_large_candidate {
    const char *head, *strength_name;
    enum tw_map map;
    double strength, temperature;
    struct tw_judgement judgement; /* calibrated, on the rows kept aside */
};

struct tw_large {
    const struct tw_examples *examples;
    const struct tw_recipe_options *options;
    size_t width, classes;
    int threads;
    struct tw_rows rows; /* of the map that was chosen */
    float *shift;        /* width: about the rows' mean */
    /* Kept aside: `held` in their order, all of them in held_out, their values as rows gives them. */
    bool *is_held;
    size_t *held;
    float *held_values;
    struct tw_held_out held_out;
    float *targets, *log_scores, *best_log_scores; /* held_out.count x classes */
    uint8_t *folds;
    struct tw_statistics statistics; /* of all rows that are not kept aside */
    struct tw_lda lda;
    struct tw_large_candidate *candidates;
    size_t candidate_count, candidate_capacity;
};
/* How many rows a block has, so that values and logits of it stay within tens of megabytes. */
size_t tw_large_block_rows(const struct tw_large *large);
/* Judges a rule on the rows kept aside and adds it to the candidates; large->log_scores are its calibrated answers. */
enum tw_status tw_large_judge(struct tw_large *large, struct tw_large_candidate candidate, const struct tw_rule *rule,
                              struct tw_error *error) TW_MUST_USE;
enum tw_status tw_rule_init(struct tw_rule *rule, size_t width, size_t classes, struct tw_error *error) TW_MUST_USE;
void tw_rule_release(struct tw_rule *rule);

/* large_lda.c: the map is chosen on a sample; statistics and rule are of all rows that are not kept aside. */
enum tw_status tw_large_choose_map(struct tw_large *large, struct tw_error *error) TW_MUST_USE;
enum tw_status tw_large_gather(struct tw_large *large, struct tw_error *error) TW_MUST_USE;
/* The best of the shrinkages: its candidate's index, its rule; large->best_log_scores are its answers. */
enum tw_status tw_large_fit_lda(struct tw_large *large, size_t *best, struct tw_rule *rule,
                                struct tw_error *error) TW_MUST_USE;

/* large_logistic.c: logistic regression, from the rule of the LDA candidate `start`, by steps over shuffled blocks. The best
 * pass is `trained`, its rule is `fitted` and large->log_scores are its answers; where the data are too many even for one pass,
 * or none is better than the start, `fitted` stays empty. */
enum tw_status tw_large_fit_logistic(struct tw_large *large, size_t start, const struct tw_rule *rule, size_t *trained,
                                     struct tw_rule *fitted, struct tw_error *error) TW_MUST_USE;

#endif
