/* The choice among candidates, by their log loss on held out rows alone. */
#ifndef TW_TRAIN_SELECT_H
#define TW_TRAIN_SELECT_H

#include "train/candidates.h"

enum { TW_MOST_MEMBERS = TW_MAX_BRANCHES };

/* One candidate, or the mean of several ones' log scores. */
struct tw_choice {
    size_t member_count;
    const struct tw_candidate *members[TW_MOST_MEMBERS]; /* borrowed from the candidates */
    double temperature;                                  /* of the mean; 1 for one member */
    struct tw_judgement judgement;
};
/* The best setting of each family, and blends of those that can blend, compete; of those whose loss is within one standard
 * error (paired by row) of the least, the simplest is taken: fewest members, then families in their order. */
enum tw_status tw_choose(const struct tw_task *task, const struct tw_candidates *candidates, struct tw_choice *choice,
                         struct tw_error *error) TW_MUST_USE;

/* log_scores (count x classes of the task): the choice's calibrated answers for rows that were held out; rows that never were
 * have what they were learnt with. */
void tw_choice_held_out(const struct tw_task *task, const struct tw_choice *choice, float *log_scores);

#endif
