/* A model as TensorFlow's SavedModel: one graph from encoded photos to scores, of TensorFlow 1's ops and control flow, which
 * every version runs; weights are constants. */
#ifndef TW_FORMATS_SAVEDMODEL_H
#define TW_FORMATS_SAVEDMODEL_H

#include "formats/format.h"
#include "image/image.h"

/* Borrowed. */
struct tw_savedmodel_parts {
    const struct tw_graph *graph; /* image -> "embedding", "logits" (may lack), "scores", "known" (may lack) */
    const struct tw_image_policy *policy;
    const char *const *labels;
    size_t label_count;
    const float *thresholds; /* of several labels a photo: the score from which each counts; NULL: one label a photo */
    double known_threshold;  /* of output "known", where there is one */
    const char *properties;  /* JSON text that a reader of ours finds again */
};
/* Signatures: serving_default, inputs key and image_bytes, outputs key, prediction (the label's number) and scores; labels, the same
 * inputs, outputs key, prediction and score (of the best label), labels and scores (of all), applies (which labels count, where a photo has several), and known and is_known where the
 * model has that. Batches of any size. TW_UNSUPPORTED names the node and op that TensorFlow lacks; TW_LIMIT: it would have 2 GiB
 * or more. Appends the bytes of saved_model.pb; equal models give equal bytes. */
enum tw_status tw_savedmodel_write(const struct tw_savedmodel_parts *parts, struct tw_buffer *out,
                                   struct tw_error *error) TW_MUST_USE;

#endif
