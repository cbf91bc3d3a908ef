/* Photo bytes to a network's outputs, on several workers: the one way that embedding, prediction and serving share. */
#ifndef TW_TASKS_RUNNER_H
#define TW_TASKS_RUNNER_H

#include "base/bytes.h"
#include "engine/engine.h"
#include "image/look.h"

struct tw_runner;
struct tw_runner_options {
    const struct tw_image_policy *policy; /* NULL: the input is a vector */
    const struct tw_image_limits *limits; /* NULL: the defaults */
    const char *const *outputs;           /* names of the values that are wanted; what only others need is not run */
    size_t output_count;                  /* at least 1 */
    int workers;                          /* at least 1 */
    enum tw_precision precision;
    const struct tw_choices *choices; /* borrowed for the call; NULL: the fixed rules */
    int threads_inside;               /* cores that one run uses: 1 for throughput, all for one photo's latency */
};
/* `graph` has one input: an image of the policy's size, or a vector. The graph may go after. TW_UNSUPPORTED: it has no value of
 * a name that is wanted. */
enum tw_status tw_runner_new(const struct tw_graph *graph, const struct tw_runner_options *options,
                             struct tw_runner **runner, struct tw_error *error) TW_MUST_USE;
void tw_runner_free(struct tw_runner *runner); /* NULL is fine */
/* Floats of outputs[index] of the options. */
size_t tw_runner_output_size(const struct tw_runner *runner, size_t index);

/* A network whose input size is free gets the policy's. */
void tw_runner_shape_input(struct tw_graph *graph, const struct tw_image_policy *policy);

struct tw_photo_size {
    int width, height; /* after EXIF orientation; 0 where it was not decoded */
    double decode_s;   /* that decoding took */
};
/* What else a decoded photo can give; NULL: not wanted. */
enum { TW_THUMBNAIL_EDGE = 96 };
struct tw_photo_asides {
    struct tw_buffer *thumbnail; /* a JPEG of at most TW_THUMBNAIL_EDGE pixels; cleared first */
    struct tw_look *look;
};
/* outputs[i] receives the options' outputs[i], where not NULL; `size` is set in any case; `asides` may be NULL. One call at a time
 * for a worker, in [0, workers). TW_CORRUPT, besides what a photo gives: an output that is not finite. */
enum tw_status tw_runner_photo(struct tw_runner *runner, int worker, struct tw_span bytes, float *const *outputs,
                               struct tw_photo_size *size, const struct tw_photo_asides *asides,
                               struct tw_error *error) TW_MUST_USE;
/* From pixels that were decoded by the policy already. */
enum tw_status tw_runner_image(struct tw_runner *runner, int worker, const struct tw_image *image,
                               float *const *outputs, struct tw_error *error) TW_MUST_USE;
/* From the input's values themselves. */
enum tw_status tw_runner_vector(struct tw_runner *runner, int worker, const float *input, float *const *outputs,
                                struct tw_error *error) TW_MUST_USE;

#endif
