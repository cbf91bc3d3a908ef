/* How far scores can be taken at their word: of answers with a score of 0.8, are 0.8 right? */
#ifndef TW_TRAIN_RELIABILITY_H
#define TW_TRAIN_RELIABILITY_H

#include "train/calibration.h"
#include "train/examples.h"

enum { TW_CONFIDENCE_BINS = 15 };
/* The bin of equal width, (low, high], that a score lies in. */
size_t tw_confidence_bin(float confidence);

struct tw_reliability_bin {
    size_t count;
    double confidence, right; /* mean score, share of right answers; 0 where count is */
};
struct tw_reliability {
    size_t count;
    double log_loss, accuracy;
    double error; /* expected calibration error: mean of |confidence - right| over answers (Naeini et al. 2015) */
    struct tw_reliability_bin bins[TW_CONFIDENCE_BINS];
};
/* Of rows that were held out, by log scores whose temperature is undone: 1 leaves them as they are. */
void tw_reliability_held_out(const struct tw_held_out *held_out, const float *log_scores, double undone,
                             struct tw_reliability *reliability);
/* Of evaluated rows, by softmax scores whose temperature is undone. */
enum tw_status tw_reliability_evaluated(const struct tw_examples *examples, const float *scores, size_t class_count,
                                        int64_t unlabelled_class, double undone, struct tw_reliability *reliability,
                                        struct tw_error *error) TW_MUST_USE;

/* What a recipe did to its scores, and what that did for rows that it had not learnt from. */
struct tw_calibration_record {
    double temperature; /* that logits were divided by; 0: they were not calibrated */
    struct tw_reliability before, after;
};

#endif
