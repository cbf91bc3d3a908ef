/* `explain`: which training photos speak for an answer, and which part of the photo. */
#ifndef TW_TASKS_EXPLAIN_H
#define TW_TASKS_EXPLAIN_H

#include "report/explanation_text.h"
#include "tasks/neighbours.h"
#include "tasks/occlusion.h"
#include "tasks/predict.h"

struct tw_explain_options {
    struct tw_predict_options predict; /* the model, and one photo */
    const char *label;                 /* NULL: the model's answer */
    size_t grid;                       /* places a side */
    size_t nearest;                    /* training photos to name */
    const char *output; /* folder for map.png, nearest-NN.jpg and explanation.json; NULL: nothing is written */
};
/* Zero-initialise; release accepts the zero state. */
struct tw_explanation {
    struct tw_occlusion occlusion;
    struct tw_neighbours neighbours;
    struct tw_explanation_neighbour *shown; /* neighbours.count */
    char **thumbnails;                      /* neighbours.count: file names; NULL where there is none */
    char *key, *label, *prediction;
    struct tw_explanation_view view; /* of all this */
    double seconds;                  /* that the network took */
};
enum tw_status tw_explain(const struct tw_explain_options *options, struct tw_explanation *explanation,
                          struct tw_error *error) TW_MUST_USE;
void tw_explanation_release(struct tw_explanation *explanation);

#endif
