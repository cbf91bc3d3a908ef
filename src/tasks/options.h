/* What every task is told; a task adds its own. Strings are borrowed. */
#ifndef TW_TASKS_OPTIONS_H
#define TW_TASKS_OPTIONS_H

#include "base/log.h"
#include "engine/engine.h"
#include "image/image.h"

/* Which algorithm convolutions get: as a tune file of this machine says where there is one; by fixed rules; or by trials now
 * of what such a file does not know, or of everything. */
enum tw_tune { TW_TUNE_FILE, TW_TUNE_OFF, TW_TUNE_QUICK, TW_TUNE_FULL };

struct tw_task_options {
    const char *backbone;    /* name or file; NULL: the built-in one */
    const char *layer;       /* tensor that is the embedding; NULL: the network's own word or a guess */
    const char *policy;      /* image policy as JSON text or a file of it; NULL: the network's own word or a guess */
    const char *corrections; /* CSV of decisions about the input's photos; NULL: none */
    bool ignores_exif;
    bool decodes_fast; /* tw_image_policy_decode_fast */
    bool uses_cache;
    enum tw_precision precision; /* of the backbone; AUTO: what a sample of the photos allows */
    bool names_precision;        /* the user did; else a model's own precision holds for it */
    enum tw_tune tune;
    int threads; /* at least 1 */
    struct tw_image_limits limits;
    const struct tw_sink *sink;
};

#endif
