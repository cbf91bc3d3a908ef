/* Where in a photo an answer comes from: a square of the photo's mean colour covers one place after another, and each time
 * the network is asked again (Zeiler and Fergus 2014). It asks only for outputs, so it holds for every kind of head. */
#ifndef TW_TASKS_OCCLUSION_H
#define TW_TASKS_OCCLUSION_H

#include "base/log.h"
#include "tasks/runner.h"

enum { TW_MOST_OCCLUSION_GRID = 32 };
struct tw_occlusion_options {
    size_t grid;                /* places a side, [2, TW_MOST_OCCLUSION_GRID]; fewer where the photo has fewer pixels */
    size_t label, label_count;  /* whose answer */
    size_t scores, logits;      /* indices among the runner's outputs */
    size_t output_count;        /* of the runner */
    bool is_independent;        /* each label is answered by itself (sigmoid); else they share 1 (softmax) */
    int workers;                /* of the runner */
    const struct tw_sink *sink; /* progress; asked whether to stop */
};
/* Zero-initialise; release accepts the zero state. A place's square is two places wide and as high, cut at the edges. */
struct tw_occlusion {
    size_t rows, columns;
    double odds; /* log odds of the label for the whole photo */
    double *
        drops; /* rows x columns: the log odds less those while the place is covered; above 0 it speaks for the label */
    float *scores; /* rows x columns: the label's score while the place is covered */
};
/* The same for any number of workers. */
enum tw_status tw_occlude(struct tw_runner *runner, const struct tw_image *image,
                          const struct tw_occlusion_options *options, struct tw_occlusion *occlusion,
                          struct tw_error *error) TW_MUST_USE;
void tw_occlusion_release(struct tw_occlusion *occlusion);

#endif
