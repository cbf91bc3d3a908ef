#include "train/select.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { MOST_RIVALS = 32, MOST_FAMILIES = 8 };

/* A choice with its scores; in the order of tw_choose's simplicity. */
struct rival {
    struct tw_choice choice;
    const float *log_scores; /* borrowed from the candidate, or owned */
    float *owned;
};
struct contest {
    const struct tw_task *task;
    struct rival rivals[MOST_RIVALS];
    size_t count;
};

static const struct tw_candidate *best_of(const struct tw_candidates *candidates, const struct tw_family *family)
{
    const struct tw_candidate *best = NULL;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct tw_candidate *item = &candidates->items[i];
        if (item->family == family && (best == NULL || item->judgement.loss < best->judgement.loss))
            best = item;
    }
    return best;
}

static void mean_of(const struct tw_choice *choice, size_t size, float *scores)
{
    memset(scores, 0, size * sizeof *scores);
    for (size_t m = 0; m < choice->member_count; m++) {
        for (size_t i = 0; i < size; i++)
            scores[i] += choice->members[m]->log_scores[i] / (float)choice->member_count;
    }
}

static enum tw_status blend(struct contest *contest, const struct tw_candidate *const *members, unsigned chosen,
                            struct tw_error *error)
{
    const struct tw_held_out *held_out = &contest->task->held_out;
    struct rival *rival = &contest->rivals[contest->count];
    size_t size = held_out->count * held_out->classes;
    float *scores = tw_alloc(size, sizeof *scores);
    if (scores == NULL)
        return tw_fail_memory(error, size * sizeof *scores, "a blend");
    *rival = (struct rival){.log_scores = scores, .owned = scores};
    for (size_t i = 0; i < MOST_FAMILIES; i++) {
        if ((chosen >> i & 1) != 0)
            rival->choice.members[rival->choice.member_count++] = members[i];
    }
    mean_of(&rival->choice, size, scores);
    rival->choice.temperature = tw_temperature_fit(held_out, scores);
    tw_temperature_apply(held_out, rival->choice.temperature, scores);
    rival->choice.judgement = tw_judge(held_out, scores);
    contest->count++;
    return TW_OK;
}

static size_t bits_of(unsigned value)
{
    size_t bits = 0;
    for (; value != 0; value >>= 1)
        bits += value & 1;
    return bits;
}

static enum tw_status enter(struct contest *contest, const struct tw_candidates *candidates, struct tw_error *error)
{
    const struct tw_candidate *blendable[MOST_FAMILIES] = {NULL};
    size_t blendable_count = 0;
    for (size_t i = 0; i < tw_family_count; i++) {
        const struct tw_candidate *best = best_of(candidates, &tw_families[i]);
        if (best == NULL)
            continue;
        contest->rivals[contest->count++] = (struct rival){
            .choice = {.member_count = 1, .members = {best}, .temperature = 1, .judgement = best->judgement},
            .log_scores = best->log_scores};
        if (tw_families[i].can_blend)
            blendable[blendable_count++] = best;
    }
    enum tw_status status = TW_OK;
    for (size_t members = 2; members <= blendable_count && members <= TW_MOST_MEMBERS; members++) {
        for (unsigned chosen = 0; chosen < 1u << blendable_count && status == TW_OK; chosen++) {
            if (bits_of(chosen) == members && contest->count < MOST_RIVALS)
                status = blend(contest, blendable, chosen, error);
        }
    }
    return status;
}

enum tw_status tw_choose(const struct tw_task *task, const struct tw_candidates *candidates, struct tw_choice *choice,
                         struct tw_error *error)
{
    struct contest contest = {.task = task};
    enum tw_status status = enter(&contest, candidates, error);
    const struct rival *best = &contest.rivals[0], *taken = NULL;
    for (size_t i = 1; i < contest.count; i++)
        best = contest.rivals[i].choice.judgement.loss < best->choice.judgement.loss ? &contest.rivals[i] : best;
    for (size_t i = 0; i < contest.count && taken == NULL && status == TW_OK; i++) {
        const struct rival *rival = &contest.rivals[i];
        struct tw_difference worse = tw_compare(&task->held_out, rival->log_scores, best->log_scores);
        if (rival == best || worse.mean <= worse.standard_error)
            taken = rival;
    }
    if (status == TW_OK && taken == NULL)
        status = tw_fail(error, TW_CORRUPT, "no rule could be learnt from the embeddings");
    if (status == TW_OK)
        *choice = taken->choice;
    for (size_t i = 0; i < contest.count; i++)
        tw_free(contest.rivals[i].owned);
    return status;
}

void tw_choice_held_out(const struct tw_task *task, const struct tw_choice *choice, float *log_scores)
{
    mean_of(choice, task->held_out.count * task->held_out.classes, log_scores);
    if (choice->member_count > 1)
        tw_temperature_apply(&task->held_out, choice->temperature, log_scores);
}
