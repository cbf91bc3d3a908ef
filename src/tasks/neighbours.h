/* Which training photos lie nearest to a photo, by RUN/examples/. */
#ifndef TW_TASKS_NEIGHBOURS_H
#define TW_TASKS_NEIGHBOURS_H

#include "tasks/model.h"

/* One training example. Owned. */
struct tw_neighbour {
    char *key, *labels;         /* its uri; its label, several ones joined by ';' */
    bool has_label;             /* it bears the label that was asked for */
    double similarity;          /* cosine of the two embeddings */
    struct tw_buffer thumbnail; /* JPEG; empty where there is none */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_neighbours {
    struct tw_neighbour *items; /* the nearest first */
    size_t count;
    size_t example_count; /* that were compared */
    char *missing;        /* why there are none, as a sentence; NULL: there are */
};
/* At most `most` of them. Examples that are not there, or were made by another network than the model's, leave a reason in
 * `missing`; damaged ones are an error. The examples are read one by one, so their number costs time only. */
enum tw_status tw_neighbours_find(const char *folder, const struct tw_model *model, size_t label,
                                  const float *embedding, size_t most, struct tw_neighbours *neighbours,
                                  struct tw_error *error) TW_MUST_USE;
void tw_neighbours_release(struct tw_neighbours *neighbours);

#endif
