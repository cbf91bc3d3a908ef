/* How sure a model was of photos that it did not learn from, when it was trained: what a server's answers are compared with. */
#ifndef TW_SERVE_TRAINED_SCORE_H
#define TW_SERVE_TRAINED_SCORE_H

/* The mean of the best scores over the examples that the training evaluated, out of the metrics.json beside the folder of the model's
 * examples. NaN: there is none that says it. */
double tw_trained_score(const char *examples);

#endif
