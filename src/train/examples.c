#include "train/examples.h"

void tw_examples_target(const struct tw_examples *examples, size_t row, int64_t unlabelled_class, float *target,
                        size_t class_count)
{
    size_t first = examples->label_starts[row], end = examples->label_starts[row + 1];
    for (size_t i = 0; i < class_count; i++)
        target[i] = 0;
    if (first == end && unlabelled_class >= 0)
        target[unlabelled_class] = 1;
    for (size_t i = first; i < end; i++)
        target[examples->labels[i]] = 1.0f / (float)(end - first);
}
