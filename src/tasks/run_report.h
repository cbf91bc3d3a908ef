/* What a finished training tells: TensorBoard's summaries (RUN/events) and the page (RUN/report.html). */
#ifndef TW_TASKS_RUN_REPORT_H
#define TW_TASKS_RUN_REPORT_H

#include "report/growth.h"
#include "report/learning_text.h"
#include "tasks/example_set.h"
#include "train/head.h"
#include "train/metrics.h"

/* Borrowed. */
struct tw_run_report {
    const char *run; /* the run folder */
    const char *const *inputs;
    size_t input_count;
    const struct tw_example_set *train, *eval;
    const struct tw_dataset *datasets[2]; /* photos: what was listed; NULL or empty for records */
    struct tw_embedding_store *store;     /* photos: thumbnails; NULL for records */
    const struct tw_labels *labels;
    int64_t unlabelled_class;
    bool is_cross_validated;            /* `eval` is `train` once more */
    const struct tw_metrics *metrics;   /* NULL: nothing was evaluated */
    const float *scores;                /* of eval's rows */
    const struct tw_backbone *backbone; /* NULL: the model takes embeddings */
    const char *records_backbone;       /* what the records say they were made by; NULL: nothing */
    const char *recipe_json;
    const struct tw_growth *growth; /* NULL: not grown from another run */
    const struct tw_calibration_view *calibration;
    const struct tw_curve_view *curve;
    const struct tw_head *head;
    const float *held_out; /* log scores of train's rows by heads that had not learnt from them; NULL or NaN: none */
    struct tw_digest data_digest;
};
enum tw_status tw_run_report_write(const struct tw_run_report *run, struct tw_error *error) TW_MUST_USE;

#endif
