/* For tests only: one rule, learnt from all rows, without calibration.
 *   fit-head FAMILY MAP STRENGTH GAMMA ROWS WIDTH CLASSES <in >out
 * FAMILY: a name of tw_families; MAP: a number of enum tw_map. In: float32 rows x width, int64 labels. Out: float32 logits
 * of the rows, then the last stage's weights and its bias. */
#include "base/memory.h"
#include "train/candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input {
    size_t rows, width, classes;
    float *embeddings, *targets;
    int64_t *labels;
    uint8_t *folds;
    size_t *places;
};

static bool read_input(struct input *in)
{
    in->embeddings = tw_alloc(in->rows * in->width, sizeof(float));
    in->labels = tw_alloc(in->rows, sizeof(int64_t));
    in->targets = tw_alloc(in->rows * in->classes, sizeof(float));
    in->folds = tw_alloc(in->rows, 1);
    in->places = tw_alloc(in->classes, sizeof(size_t));
    if (fread(in->embeddings, sizeof(float) * in->width, in->rows, stdin) != in->rows ||
        fread(in->labels, sizeof(int64_t), in->rows, stdin) != in->rows)
        return false;
    for (size_t row = 0; row < in->rows; row++)
        in->targets[row * in->classes + (size_t)in->labels[row]] = 1;
    for (size_t c = 0; c < in->classes; c++)
        in->places[c] = c;
    return true;
}

static const struct tw_family *family_of(const char *name)
{
    for (size_t i = 0; i < tw_family_count; i++) {
        if (strcmp(tw_families[i].name, name) == 0)
            return &tw_families[i];
    }
    return NULL;
}

static enum tw_status put_logits(const struct tw_branch *branch, const struct input *in, struct tw_error *error)
{
    size_t widest = in->width;
    for (size_t i = 0; i < branch->stage_count; i++)
        widest = branch->stages[i].outputs > widest ? branch->stages[i].outputs : widest;
    float *from = tw_alloc(in->rows * widest, sizeof *from), *to = tw_alloc(in->rows * widest, sizeof *to);
    enum tw_status status = TW_OK;
    memcpy(from, in->embeddings, in->rows * in->width * sizeof *from);
    for (size_t i = 0; i < branch->stage_count && status == TW_OK; i++) {
        status = tw_stage_forward(&branch->stages[i], from, in->rows, to, 2, error);
        float *other = from;
        from = to, to = other;
    }
    fwrite(from, sizeof *from, in->rows * in->classes, stdout);
    tw_free(from);
    tw_free(to);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    struct input in = {
        .rows = strtoul(argv[5], NULL, 10), .width = strtoul(argv[6], NULL, 10), .classes = strtoul(argv[7], NULL, 10)};
    const struct tw_candidate candidate = {.family = family_of(argv[1]),
                                           .map = (enum tw_map)atoi(argv[2]),
                                           .strength = atof(argv[3]),
                                           .gamma = atof(argv[4]),
                                           .temperature = 1};
    if (candidate.family == NULL || !read_input(&in))
        return 2;
    const struct tw_task task = {.held_out = {in.targets, in.folds, in.rows, in.classes}, .threads = 2};
    const struct tw_examples examples = {.embeddings = in.embeddings, .count = in.rows, .width = in.width};
    struct tw_design design = {0};
    struct tw_head head = {.branch_count = 1};
    struct tw_error error = {0};
    struct tw_branch *branch = &head.branches[0];
    enum tw_status status = tw_design_init(&design, &examples, candidate.map, 2, &error);
    if (status == TW_OK)
        status = tw_candidate_to_branch(&task, &candidate, &design, in.places, in.classes, branch, &error);
    if (status == TW_OK)
        status = put_logits(branch, &in, &error);
    if (status != TW_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    const struct tw_stage *last = &branch->stages[branch->stage_count - 1];
    fwrite(last->weights, sizeof(float), last->inputs * last->outputs, stdout);
    fwrite(last->bias, sizeof(float), last->outputs, stdout);
    tw_head_release(&head);
    tw_design_release(&design);
    tw_free(in.embeddings);
    tw_free(in.labels);
    tw_free(in.targets);
    tw_free(in.folds);
    tw_free(in.places);
    return 0;
}
