/* `backbone quantize`: a float network as one of integers of eight bits, calibrated on the user's own photos. */
#ifndef TW_TASKS_QUANTIZE_H
#define TW_TASKS_QUANTIZE_H

#include "tasks/calibration.h"
#include "tasks/options.h"

enum { TW_QUANTIZE_LEAST_PHOTOS = 8, TW_QUANTIZE_MOST_PHOTOS = 100 };
struct tw_quantize_options {
    struct tw_task_options task;
    const char *photos_uri; /* what calibrates: as an INPUT; labels do not matter */
    const char *output_uri; /* an ONNX file */
    enum tw_calibration_method method;
    bool is_forced; /* replaces a file */
};
/* How far embeddings moved, over the photos that calibrated. */
struct tw_quantize_result {
    size_t photos, skipped, grids;
    double least_cosine, mean_cosine;
};
/* Photos are taken evenly from the list, at most TW_QUANTIZE_MOST_PHOTOS; those that cannot be read are skipped with a
 * warning. TW_INVALID where fewer than TW_QUANTIZE_LEAST_PHOTOS are left, or where the network is quantised already. */
enum tw_status tw_backbone_quantize(const struct tw_quantize_options *options, struct tw_quantize_result *result,
                                    struct tw_error *error) TW_MUST_USE;

#endif
