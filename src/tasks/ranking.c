#include "tasks/ranking.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    const struct tw_ranked *left = a, *right = b;
    if (left->score != right->score)
        return left->score < right->score ? 1 : -1;
    return (left->label > right->label) - (left->label < right->label);
}

void tw_rank(const float *scores, size_t count, struct tw_ranked *ranking)
{
    for (size_t i = 0; i < count; i++)
        ranking[i] = (struct tw_ranked){i, scores[i]};
    qsort(ranking, count, sizeof *ranking, compare);
}
