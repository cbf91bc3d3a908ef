/* What the scores of labelled rows say about a head, and how far that can be trusted. */
#ifndef TW_TRAIN_METRICS_H
#define TW_TRAIN_METRICS_H

#include "train/examples.h"

/* Of the measure over rows drawn again with replacement, the middle 95 %. NaN: not computed, or not defined. */
struct tw_interval {
    double low, high;
};
enum tw_measure {
    TW_ACCURACY,
    TW_BALANCED_ACCURACY, /* mean recall of the classes that have rows */
    TW_MACRO_F1,          /* mean of the classes that have rows or predictions */
    TW_LOG_LOSS,
    TW_MEAN_AVERAGE_PRECISION, /* mean of the classes that have rows */
    TW_TOP_2,                  /* truth among the 2 (3, 5) best labels; NaN where there are no more classes than that */
    TW_TOP_3,
    TW_TOP_5,
    TW_CALIBRATION_ERROR, /* expected: 15 bins of equal width over the score of the prediction (Naeini et al. 2015) */
    TW_MEASURES
};
extern const char *const tw_measure_names[TW_MEASURES]; /* keys of metrics.json */

struct tw_class_metrics {
    size_t count;                 /* rows whose truth it is */
    size_t predicted;             /* rows that it was predicted for */
    double precision, recall, f1; /* NaN where not defined */
    double average_precision;     /* as scikit-learn has it: sum of precision times gain of recall; NaN: not computed */
    struct tw_interval precision_interval, recall_interval, average_precision_interval;
};
enum { TW_MOST_CONFUSED = 2000 };
struct tw_confused {
    size_t truth, prediction, count;
};
/* Of labels whose score reaches its threshold. */
struct tw_multi_label {
    double subset_accuracy; /* rows with all labels right and no other */
    double hamming_loss;    /* share of wrong answers over rows and labels */
    double micro_precision, micro_recall, micro_f1;
    struct tw_interval subset_accuracy_interval, hamming_loss_interval, micro_f1_interval;
};
/* A row with several labels counts as right when the prediction is one of them; its truth in the confusion matrix is then
 * that label, else its first. Unlabelled rows have the truth `unlabelled_class`, or are left out when that is -1. */
struct tw_metrics {
    size_t class_count, count;
    int64_t unlabelled_class;
    double accuracy, balanced_accuracy, macro_f1, log_loss, mean_average_precision, top_2, top_3, top_5,
        calibration_error;
    size_t
        *confusion; /* class_count x class_count: rows truth, columns prediction; NULL above TW_MOST_CONFUSED classes */
    struct tw_confused *pairs; /* the same, sparse: what occurs, by truth, then prediction */
    size_t pair_count;
    struct tw_class_metrics *per_class;
    struct tw_interval intervals[TW_MEASURES];
    const float
        *thresholds; /* multi-label models (tw_multi_label_measure): class_count, borrowed; NULL: one label a row */
    struct tw_multi_label multi_label;
    size_t resamples; /* behind the intervals; 0: there are none */
};
/* All but average precision and intervals. */
enum tw_status tw_metrics_compute(const struct tw_examples *examples, const float *scores, size_t class_count,
                                  int64_t unlabelled_class, struct tw_metrics *metrics,
                                  struct tw_error *error) TW_MUST_USE;
/* Adds average precision and intervals to metrics of the same rows. The same bits for any number of threads. Left NaN
 * where they would cost too much: average precision above 1e8 rows times classes, its intervals above 4e9 with resamples. */
enum tw_status tw_metrics_complete(const struct tw_examples *examples, const float *scores, int64_t unlabelled_class,
                                   int threads, struct tw_metrics *metrics, struct tw_error *error) TW_MUST_USE;
double tw_metrics_measure(const struct tw_metrics *metrics, enum tw_measure measure);
void tw_metrics_release(struct tw_metrics *metrics);
size_t tw_argmax(const float *scores, size_t count); /* the lowest index of the greatest; NaN never wins */

#endif
