/* All that a finished run has to tell, as plain data: what the page's sections and TensorBoard's summaries are written from.
 * Filled in by the task. A part that is not known is zero, NULL or NaN, and the sections about it stay away. */
#ifndef TW_REPORT_REPORT_H
#define TW_REPORT_REPORT_H

#include "report/growth.h"
#include "report/learning_text.h"
#include "report/log_text.h"
#include "report/metrics_text.h"

/* One evaluated row. */
struct tw_report_photo {
    const char *key;          /* its uri */
    size_t truth, prediction; /* class numbers */
    const float *scores;      /* one a class */
};
struct tw_report_skip {
    const char *key, *reason;
};
/* A training photo whose label is likely wrong, by heads that did not learn from it. */
struct tw_report_suspect {
    const char *key;
    size_t label, suggested;
    double own, other; /* probabilities of the two */
};
/* A photo that stands elsewhere too. */
struct tw_report_double {
    const char *key;
    const char *other; /* the same photo under the same labels; NULL: it was left out, and `reason` tells why */
    const char *reason;
    bool is_conflict; /* under another label */
};
struct tw_report_fact {
    const char *name, *value;
};
/* Numbers of the finished head, for histograms. */
struct tw_report_weights {
    const char *name;
    const float *values;
    size_t count;
};
/* Embedding rows for the projector. */
struct tw_report_embedding {
    const char *key, *label, *side; /* side: "train" or "eval" */
    const float *values;
};

/* Borrowed, all of it. */
struct tw_report {
    const char *run;     /* the run folder, as the user named it */
    bool has_photos;     /* false: the input was records */
    bool has_backbone;   /* the model takes photos */
    const char *input;   /* an input to show in commands; NULL: none */
    const char *example; /* a photo to show in commands; NULL: none */
    size_t train_count;
    const size_t *train_counts;            /* a class */
    const struct tw_metrics_view *metrics; /* NULL: nothing was evaluated */
    const char *const *labels;
    size_t class_count;
    const struct tw_report_photo *photos; /* metrics->count */
    size_t photo_count;
    const struct tw_log_point *points; /* of training, steps rising */
    size_t point_count;
    const struct tw_report_skip *skips;
    size_t skip_count, input_count;     /* photos that were not used, and all that were named */
    const struct tw_report_fact *facts; /* provenance */
    size_t fact_count;
    const char *recipe_json;
    const struct tw_growth *growth; /* NULL: the run is not grown from another, or nothing was evaluated */
    const struct tw_calibration_view *calibration; /* NULL: not known */
    const struct tw_curve_view *curve;             /* NULL: none was drawn */
    const struct tw_report_suspect *suspects;      /* the most doubtful first */
    size_t suspect_count;
    bool has_doubts; /* labels were judged at all */
    const struct tw_report_double *doubles;
    size_t double_count;
    size_t width; /* of an embedding */
    const struct tw_report_embedding *embeddings;
    size_t embedding_count;
    const struct tw_report_weights *weights;
    size_t weight_count;
    /* A small JPEG of a key's photo; false: there is none. */
    void *context;
    bool (*thumbnail)(void *context, const char *key, struct tw_buffer *jpeg);
};

#endif
