/* Does an embedding look like anything that was trained on? Its cosine to the nearest of the training rows that are kept
 * for it, or, of very many classes, to the nearest class mean, with a threshold below which it is called unknown. A softmax cannot tell: it shares out 1 among the labels,
 * whatever it is shown. docs/learning.md has what other detectors reach. */
#ifndef TW_TRAIN_KNOWN_H
#define TW_TRAIN_KNOWN_H

#include "graph/graph.h"
#include "train/examples.h"

enum { TW_LEAST_SUPPORT = 500, TW_MOST_SUPPORT = 2000, TW_SUPPORT_OF_CLASS = 5, TW_MOST_MEAN_VALUES = 1 << 24 };
/* Zero-initialise; release accepts the zero state. */
struct tw_known {
    size_t width, support_count;
    float *support;  /* width x support_count, row-major: each column a training row, or a class mean, of length 1 */
    float threshold; /* of training rows, each beside the others, the lowest 4 % lie below it */
};
/* Keeps rows of all classes alike, TW_LEAST_SUPPORT in all or TW_SUPPORT_OF_CLASS a class; where that would be more than
 * TW_MOST_SUPPORT, the classes' means. Where those have more than TW_MOST_MEAN_VALUES values, or no two rows are labelled:
 * TW_OK and support_count 0, there is no detector. */
enum tw_status tw_known_fit(const struct tw_examples *examples, size_t class_count, int threads, struct tw_known *known,
                            struct tw_error *error) TW_MUST_USE;
float tw_known_score(const struct tw_known *known, const float *embedding);
/* Appends the nodes after value `embedding_id`; "known" [N,1] is added to the graph's outputs. */
enum tw_status tw_known_to_graph(const struct tw_known *known, struct tw_graph *graph, int embedding_id,
                                 struct tw_error *error) TW_MUST_USE;
void tw_known_release(struct tw_known *known);

#endif
