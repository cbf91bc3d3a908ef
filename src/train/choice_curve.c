#include "train/choice_curve.h"

#include "base/memory.h"
#include "train/metrics.h"

#include <string.h>

struct chosen {
    const struct tw_task *task;
    const struct tw_choice *choice;
    struct tw_view views[TW_MOST_MEMBERS];
    float *scores, *sum; /* count x classes: of one member, of all */
};

static void judge(const struct tw_held_out *h, const float *log_scores, bool *is_right)
{
    for (size_t row = 0; row < h->count; row++)
        is_right[row] = h->targets[row * h->classes + tw_argmax(log_scores + row * h->classes, h->classes)] > 0;
}

/* Roles are folds of their own: what does not teach is fold 0. */
static enum tw_status ask(void *context, const uint8_t *roles, bool *is_right, struct tw_error *error)
{
    struct chosen *c = context;
    const struct tw_held_out *h = &c->task->held_out;
    size_t size = h->count * h->classes;
    enum tw_status status = TW_OK;
    memset(c->sum, 0, size * sizeof *c->sum);
    memset(c->scores, 0, size * sizeof *c->scores);
    for (size_t m = 0; m < c->choice->member_count && status == TW_OK; m++) {
        status = tw_candidate_ask(c->choice->members[m], &c->views[m], roles, 0, c->scores, error);
        for (size_t i = 0; i < size; i++)
            c->sum[i] += c->scores[i];
    }
    judge(h, c->sum, is_right);
    return status;
}

enum tw_status tw_choice_curve(const struct tw_task *task, const struct tw_choice *choice, struct tw_design *designs,
                               const size_t *classes, uint64_t seed, struct tw_learning_curve *curve,
                               struct tw_error *error)
{
    const struct tw_held_out *h = &task->held_out;
    struct chosen chosen = {.task = task, .choice = choice};
    size_t size = h->count * h->classes;
    bool *is_right = tw_alloc(h->count, sizeof *is_right);
    chosen.scores = tw_alloc(size, sizeof *chosen.scores);
    chosen.sum = tw_alloc(size, sizeof *chosen.sum);
    enum tw_status status = is_right != NULL && chosen.scores != NULL && chosen.sum != NULL
                                ? TW_OK
                                : tw_fail_memory(error, size * sizeof(float), "the learning curve");
    for (size_t m = 0; m < choice->member_count && status == TW_OK; m++) {
        const struct tw_candidate *member = choice->members[m];
        status = tw_view_init(&chosen.views[m], task, member->family, &designs[member->map], member->gamma, error);
    }
    if (status == TW_OK) {
        tw_choice_held_out(task, choice, chosen.sum);
        judge(h, chosen.sum, is_right);
        const struct tw_curve_request request = {
            .count = h->count,
            .class_count = h->classes,
            .fold_count = task->fold_count,
            .classes = classes,
            .folds = h->folds,
            .is_right = is_right,
            .seed = seed,
            .ask = ask,
            .context = &chosen,
            .sink = task->sink,
        };
        status = tw_learning_curve_make(&request, curve, error);
    }
    for (size_t m = 0; m < choice->member_count; m++)
        tw_view_release(&chosen.views[m]);
    tw_free(is_right);
    tw_free(chosen.scores);
    tw_free(chosen.sum);
    /* A part that no rule can be learnt from (a matrix that is singular) leaves the curve out. */
    return status == TW_UNSUPPORTED ? TW_OK : status;
}
