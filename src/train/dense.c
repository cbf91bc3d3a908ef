#include "train/dense.h"

#include "base/memory.h"
#include "base/random.h"
#include "engine/gemm.h"

#include <math.h>

enum tw_status tw_dense_forward(const struct tw_layer *layer, const float *in, size_t rows, float *out, int threads,
                                struct tw_error *error)
{
    const struct tw_gemm product = {
        .m = (int64_t)rows,
        .n = (int64_t)layer->outputs,
        .k = (int64_t)layer->inputs,
        .alpha = 1,
        .a = in,
        .lda = (int64_t)layer->inputs,
        .b = layer->weights,
        .ldb = (int64_t)layer->outputs,
        .c = out,
        .ldc = (int64_t)layer->outputs,
    };
    enum tw_status status = tw_gemm_run(&product, threads, error);
    for (size_t row = 0; row < rows && status == TW_OK; row++) {
        float *values = out + row * layer->outputs;
        for (size_t i = 0; i < layer->outputs; i++) {
            float value = values[i] + layer->bias[i];
            values[i] = layer->activation == TW_LAYER_RELU && value < 0 ? 0 : value;
        }
    }
    return status;
}

void tw_softmax_rows(float *logits, size_t rows, size_t count)
{
    for (size_t row = 0; row < rows; row++) {
        float *values = logits + row * count, most = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            most = values[i] > most ? values[i] : most;
        for (size_t i = 0; i < count; i++) {
            values[i] = expf(values[i] - most);
            sum += (double)values[i];
        }
        for (size_t i = 0; i < count; i++)
            values[i] = (float)((double)values[i] / sum);
    }
}

void tw_sigmoid_values(float *logits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        logits[i] = 1 / (1 + expf(-logits[i]));
}

void tw_log_softmax_rows(float *logits, size_t rows, size_t count)
{
    for (size_t row = 0; row < rows; row++) {
        float *values = logits + row * count, most = -INFINITY;
        double sum = 0;
        for (size_t i = 0; i < count; i++)
            most = values[i] > most ? values[i] : most;
        for (size_t i = 0; i < count; i++)
            sum += (double)expf(values[i] - most);
        float shift = most + (float)log(sum);
        for (size_t i = 0; i < count; i++)
            values[i] -= shift;
    }
}

enum tw_status tw_layer_init(struct tw_layer *layer, size_t inputs, size_t outputs, uint64_t seed, uint64_t stream,
                             struct tw_error *error)
{
    layer->inputs = inputs;
    layer->outputs = outputs;
    layer->weights = tw_alloc(inputs * outputs, sizeof *layer->weights);
    layer->bias = tw_alloc(outputs, sizeof *layer->bias);
    if (layer->weights == NULL || layer->bias == NULL)
        return tw_fail_memory(error, inputs * outputs * sizeof *layer->weights, "a layer of the head");
    struct tw_random random = {.seed = seed, .stream = stream};
    double limit = sqrt(6.0 / (double)(inputs + outputs));
    for (size_t i = 0; i < inputs * outputs; i++)
        layer->weights[i] = (float)((2 * tw_random_unit(&random) - 1) * limit);
    return TW_OK;
}
