/* Scores in the order of their height. */
#ifndef TW_TASKS_RANKING_H
#define TW_TASKS_RANKING_H

#include <stddef.h>

struct tw_ranked {
    size_t label; /* the score's index */
    float score;
};
/* The greatest score first, equal ones by their index; `ranking` has room for all. */
void tw_rank(const float *scores, size_t count, struct tw_ranked *ranking);

#endif
