#include "engine/steps/convolution.h"

#include "engine/choices.h"

#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

bool tw_is_convolution(const struct tw_graph *graph, const struct tw_node *node)
{
    return node->op == TW_OP_CONV && graph->values[node->inputs[0]].shape.rank == 4 &&
           graph->values[node->inputs[1]].data != NULL &&
           (node->input_count < 3 || node->inputs[2] < 0 || graph->values[node->inputs[2]].data != NULL);
}

void tw_convolution_operation(const struct op_window *window, const struct tw_convolution_layouts *layouts,
                              struct tw_onednn_operation *operation)
{
    *operation = (struct tw_onednn_operation){
        .kind = TW_ONEDNN_CONVOLUTION, .x = layouts->x, .second = layouts->weights, .y = layouts->y};
    if (layouts->has_bias)
        operation->bias = layouts->bias;
    for (int i = 0; i < 2; i++) {
        int at = OP_SPATIAL - 2 + i;
        operation->strides[i] = window->stride[at];
        operation->dilations[i] = window->dilation[at] - 1;
        operation->begin[i] = window->begin[at];
        /* What is really used: a stride may leave some of the given padding unread. */
        operation->end[i] = (window->out[at] - 1) * window->stride[at] +
                            (window->kernel[at] - 1) * window->dilation[at] + 1 - window->in[at] - window->begin[at];
    }
}

int tw_convolution_weight_dims(const struct tw_shape *weights, int64_t groups, int64_t dims[5])
{
    if (groups == 1) {
        memcpy(dims, weights->dims, 4 * sizeof *dims);
        return 4;
    }
    const int64_t split[5] = {groups, weights->dims[0] / groups, weights->dims[1], weights->dims[2], weights->dims[3]};
    memcpy(dims, split, sizeof split);
    return 5;
}

void tw_convolution_key(const struct tw_graph *graph, const struct tw_node *node, const char *precision,
                        char key[TW_KEY_SIZE])
{
    const struct tw_shape *x = &graph->values[node->inputs[0]].shape, *w = &graph->values[node->inputs[1]].shape,
                          *y = &graph->values[node->outputs[0]].shape;
    struct op_window window = {0};
    char more[96] = "";
    int used = 0;
    if (op_window_of(node, x, w, &window, &(struct tw_error){0}) != TW_OK)
        window = (struct op_window){0}; /* not of an inferred graph */
    const int64_t *dilation = window.dilation, groups = tw_node_int(node, "group", 1);
    if (dilation[1] != 1 || dilation[2] != 1)
        used += snprintf(more, sizeof more, " dilation %" PRId64 "x%" PRId64, dilation[1], dilation[2]);
    if (groups != 1)
        used += snprintf(more + used, sizeof more - (size_t)used, " groups %" PRId64, groups);
    bool is_bound = node->activation == TW_ACT_RELU || node->activation == TW_ACT_CLIP;
    snprintf(more + used, sizeof more - (size_t)used, "%s%s", node->residual >= 0 ? " plus" : "",
             is_bound || node->activation == TW_ACT_NONE ? "" : " curved");
    snprintf(key, TW_KEY_SIZE,
             "%s in %" PRId64 "x%" PRId64 "x%" PRId64 " out %" PRId64 "x%" PRId64 "x%" PRId64 " kernel %" PRId64
             "x%" PRId64 " stride %" PRId64 "x%" PRId64 " pad %" PRId64 "x%" PRId64 "%s",
             precision, x->dims[1], x->dims[2], x->dims[3], y->dims[1], y->dims[2], y->dims[3], window.kernel[1],
             window.kernel[2], window.stride[1], window.stride[2], window.begin[1], window.begin[2], more);
}

const char *tw_convolution_choice(const struct tw_plan *plan, const struct tw_node *node, const char *precision)
{
    char key[TW_KEY_SIZE];
    if (plan->choices == NULL)
        return NULL;
    tw_convolution_key(plan->graph, node, precision, key);
    return tw_choices_find(plan->choices, key);
}

enum tw_status tw_convolution_make(const struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                   const struct tw_onednn_operation *operation, const_dnnl_primitive_attr_t attributes,
                                   struct tw_onednn_primitive *made)
{
    const struct tw_shape *w = &plan->graph->values[node->inputs[1]].shape;
    const char *choice = tw_convolution_choice(plan, node, precision);
    struct tw_onednn_kernel kernel = {choice != NULL ? strrchr(choice, ' ') : NULL, plan->trial.index};
    struct tw_error error;
    enum tw_status status;
    int threads = omp_get_max_threads();
    if (w->dims[2] * w->dims[3] == 1 && strcmp(precision, "f32") == 0)
        omp_set_num_threads(
            1); /* the library's f32 kernels of 1x1 cut sums by the number of threads they are made for */
    if (kernel.name == NULL && plan->trial.kind != TRIAL_LIBRARY) {
        status = tw_onednn_make(plan->engine, operation, attributes, made, &error);
    } else {
        kernel.name = kernel.name != NULL ? kernel.name + 1 : NULL;
        status = tw_onednn_make_by(plan->engine, operation, attributes, &kernel, made, &error);
    }
    omp_set_num_threads(threads);
    return status;
}

enum tw_status tw_convolution_add_made(struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                       struct tw_onednn_primitive *made, const struct argument *arguments, int count,
                                       struct tw_error *error)
{
    const struct tw_shape *w = &plan->graph->values[node->inputs[1]].shape;
    const char *kind = w->dims[2] * w->dims[3] == 1 ? "1x1" : "direct";
    char name[96];
    snprintf(name, sizeof name, "onednn %s %s", kind, tw_onednn_kernel_name(made->descriptor));
    const char *kept = tw_arena_strndup(&plan->graph->arena, name, strlen(name));
    enum tw_status status = tw_plan_add_made(plan, node, kept != NULL ? kept : "onednn", made, arguments, count, error);
    return status == TW_OK ? tw_convolution_note(plan, node, precision, error) : status;
}

enum tw_status tw_convolution_note(struct tw_plan *plan, const struct tw_node *node, const char *precision,
                                   struct tw_error *error)
{
    struct step *step = &plan->steps[plan->step_count - 1];
    char key[TW_KEY_SIZE];
    tw_convolution_key(plan->graph, node, precision, key);
    step->precision = precision;
    step->flop = 2.0 * (double)op_product(&plan->graph->values[node->outputs[0]].shape, 0, 4) *
                 (double)op_product(&plan->graph->values[node->inputs[1]].shape, 1, 4);
    step->key = tw_arena_strndup(&plan->graph->arena, key, strlen(key));
    return step->key != NULL ? TW_OK : tw_fail_memory(error, sizeof key, "a step");
}
