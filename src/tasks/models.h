/* `models add-version`: a trained model into a store, looked at before anybody can see it. */
#ifndef TW_TASKS_MODELS_H
#define TW_TASKS_MODELS_H

#include "tasks/options.h"

struct tw_models_add_options {
    struct tw_task_options task;
    const char *store, *name;        /* of a model that is there */
    const char *model;               /* file, or run folder: then its metrics.json and examples/ come along */
    const char *version_name;        /* NULL: none */
    const char *version_description; /* NULL: none */
};
/* TW_CORRUPT, TW_UNSUPPORTED: the copy cannot be opened, holds no backbone, or does not give a score for each of its labels;
 * then nothing is added. */
enum tw_status tw_models_add(const struct tw_models_add_options *options, int64_t *number,
                             struct tw_error *error) TW_MUST_USE;

#endif
